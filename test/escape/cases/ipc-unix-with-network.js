export default {
  title: 'may use the network, and connects to a unix socket',
  category: 'ipc',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['*'] } } },
  act: ({ attempt, connect, input }) => attempt('connect', () => connect({ path: input.unix })),
};
