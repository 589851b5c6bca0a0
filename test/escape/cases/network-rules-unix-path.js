export default {
  title: "connects to the host's unix socket by its path (docker.sock, ssh-agent)",
  category: 'network',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  act: ({ attempt, connect, input }) => attempt('connect', () => connect({ path: input.unix })),
};
