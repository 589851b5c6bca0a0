export default {
  title: 'may start programs, and has one write a file outside and one of its package',
  category: 'processes',
  guards: ['landlock', 'namespaces'],
  probe: true,
  config: { permissions: { capabilities: ['process:spawn'] } },
  act: async ({ attempt, probe, input }) => {
    await attempt('outside', () => probe('write', input.target, 'overwritten'));
    await attempt('new', () => probe('write', `${input.outside}/new`, 'new'));
  },
};
