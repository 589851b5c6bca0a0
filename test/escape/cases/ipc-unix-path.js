export default {
  title: "connects to the host's unix socket by its path",
  category: 'ipc',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  act: ({ attempt, connect, input }) => attempt('connect', () => connect({ path: input.unix })),
};
