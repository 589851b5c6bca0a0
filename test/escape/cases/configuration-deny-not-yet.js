export default {
  title: 'creates a file that is denied before it exists',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  config: ({ at }) => ({
    permissions: { filesystem: { allow: [at('allowed')], deny: [at('allowed', 'later.txt')] } },
  }),
  harm: ({ host, at }) => host.fs.existsSync(at('allowed', 'later.txt')) && 'it was created',
  act: async ({ attempt, fs, path, input }) => {
    const later = path.join(input.allowed, 'later.txt');
    await attempt('write', () => fs.writeFileSync(later, 'created'));
    await attempt('rename', () => fs.renameSync(path.join(input.allowed, 'file.txt'), later));
  },
};
