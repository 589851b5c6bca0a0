export default {
  title: "may start programs, and has one connect to the host's unix sockets",
  category: 'processes',
  guards: ['seccomp', 'namespaces'],
  probe: true,
  proof: 'call',
  config: { permissions: { capabilities: ['process:spawn'] } },
  deny: ['EPERM', 'EACCES'],
  act: async ({ attempt, probe, input }) => {
    await attempt('path', () => probe('connect', input.unix, input.hello));
    await attempt('abstract', () => probe('connect', input.abstract, input.hello));
  },
};
