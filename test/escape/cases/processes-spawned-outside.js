export default {
  title: 'may start programs, and starts one from outside',
  category: 'processes',
  guards: ['landlock', 'namespaces'],
  probe: true,
  config: { permissions: { capabilities: ['process:spawn'] } },
  proof: 'call',
  setup: ({ host, at, native }) => {
    host.fs.copyFileSync(native('probe'), at('outside', 'probe'));
  },
  act: ({ attempt, run, input }) => attempt('spawn', () => run(`${input.outside}/probe`, 'ids')),
};
