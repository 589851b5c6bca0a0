export default {
  title: 'reads and writes a file that is denied, in a directory that is allowed',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  config: ({ at }) => ({
    permissions: { filesystem: { allow: [at('allowed')], deny: [at('allowed', 'denied.txt')] } },
  }),
  act: async ({ attempt, fs, path, input }) => {
    const file = path.join(input.allowed, 'denied.txt');
    await attempt('read', () => fs.readFileSync(file, 'utf8'));
    await attempt('write', () => fs.writeFileSync(file, ''));
  },
};
