export default {
  title: 'connects to the same address in other forms: mapped, unspecified, another of loopback',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  act: async ({ attempt, connect, input }) => {
    await attempt('mapped', () => connect({ host: '::ffff:127.0.0.1', port: input.tcp4 }));
    await attempt('unspecified', () => connect({ host: '0.0.0.0', port: input.tcp4 }));
  },
};
