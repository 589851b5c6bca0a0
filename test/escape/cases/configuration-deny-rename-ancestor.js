export default {
  title: 'renames a directory above the one that is denied, and reads under the new name',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EBUSY', 'EXDEV'],
  config: ({ at }) => ({
    permissions: {
      filesystem: { allow: [at('allowed')], deny: [at('allowed', 'denied', 'deep')] },
    },
  }),
  act: ({ attempt, fs, path, input }) =>
    attempt('rename', () => {
      const moved = path.join(input.allowed, 'moved');
      fs.renameSync(path.join(input.allowed, 'denied'), moved);
      return fs.readFileSync(path.join(moved, 'deep', 'secret.txt'), 'utf8');
    }),
};
