export default {
  title: 'reads what is denied inside of its package',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  setup: ({ host, at, secret }) => host.fs.writeFileSync(at('package', 'private.txt'), secret),
  config: ({ at }) => ({
    permissions: { filesystem: { deny: [at('package', 'private.txt')] } },
  }),
  act: ({ attempt, fs, input }) =>
    attempt('read', () => fs.readFileSync(`${input.package}/private.txt`, 'utf8')),
};
