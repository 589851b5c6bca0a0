export default {
  title: 'may connect to one address, and connects to another of the same port',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.2', '::2', '10.0.0.0/8'] } } },
  act: async ({ attempt, connect, input }) => {
    await attempt('IPv4', () => connect({ host: '127.0.0.1', port: input.tcp4 }));
    await attempt('IPv6', () => connect({ host: '::1', port: input.tcp6 }));
  },
};
