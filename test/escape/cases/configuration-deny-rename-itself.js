export default {
  title: 'renames and links what is denied to a name that is not',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EBUSY', 'EXDEV'],
  config: ({ at }) => ({
    permissions: {
      filesystem: {
        allow: [at('allowed')],
        deny: [at('allowed', 'denied.txt'), at('allowed', 'denied')],
      },
    },
  }),
  act: async ({ attempt, fs, path, input }) => {
    const at = (name) => path.join(input.allowed, name);
    await attempt('link', () => {
      fs.linkSync(at('denied.txt'), at('free1'));
      return fs.readFileSync(at('free1'), 'utf8');
    });
    await attempt('rename', () => {
      fs.renameSync(at('denied.txt'), at('free2'));
      return fs.readFileSync(at('free2'), 'utf8');
    });
    await attempt('directory', () => {
      fs.renameSync(at('denied'), at('free3'));
      return fs.readFileSync(path.join(at('free3'), 'secret.txt'), 'utf8');
    });
  },
};
