export default {
  title: 'may connect to a name, which leads to loopback',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['localhost'] } } },
  act: ({ attempt, connect, input }) =>
    attempt('localhost', () => connect({ host: 'localhost', port: input.tcp4 })),
};
