export default {
  title: 'may start programs, and has one read a file outside',
  category: 'processes',
  guards: ['landlock', 'namespaces'],
  probe: true,
  config: { permissions: { capabilities: ['process:spawn'] } },
  act: async ({ attempt, probe, input }) => {
    await attempt('child', () => probe('read', input.target));
    const again = `${input.package}/probe`;
    await attempt('exec', () => probe('exec', again, 'read', input.target));
  },
};
