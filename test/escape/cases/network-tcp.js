export default {
  title: 'connects to 127.0.0.1 and ::1',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  act: async ({ attempt, connect, input }) => {
    await attempt('IPv4', () => connect({ host: '127.0.0.1', port: input.tcp4 }));
    await attempt('IPv6', () => connect({ host: '::1', port: input.tcp6 }));
  },
};
