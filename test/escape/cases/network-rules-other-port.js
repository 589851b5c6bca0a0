export default {
  title: 'may connect to one port, and connects to another',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  act: ({ attempt, connect, input }) =>
    attempt('connect', () => connect({ host: '127.0.0.1', port: input.tcp4 })),
};
