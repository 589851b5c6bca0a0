export default {
  title: 'makes a link of its own to what is denied',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  config: ({ at }) => ({
    permissions: { filesystem: { allow: [at('allowed')], deny: [at('allowed', 'denied.txt')] } },
  }),
  act: ({ attempt, fs, path, input }) =>
    attempt('read', () => {
      const link = path.join(input.out, 'link');
      fs.symlinkSync(path.join(input.allowed, 'denied.txt'), link);
      return fs.readFileSync(link, 'utf8');
    }),
};
