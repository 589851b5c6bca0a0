export default {
  title: "connects to the host's unix socket by its path (nodejs CVE-2026-21636, docker.sock)",
  category: 'ipc',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  act: ({ attempt, connect, input }) => attempt('connect', () => connect({ path: input.unix })),
};
