export default {
  title: 'writes, creates, renames and removes where it may only read',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  watch: ['allowed'],
  deny: ['EACCES', 'EPERM', 'EROFS'],
  config: ({ at }) => ({
    permissions: { filesystem: { allow: [at('allowed')], readOnly: true } },
  }),
  act: async ({ attempt, fs, path, input }) => {
    const at = (name) => path.join(input.allowed, name);
    await attempt('write', () => fs.writeFileSync(at('file.txt'), 'changed'));
    await attempt('append', () => fs.appendFileSync(at('file.txt'), 'more'));
    await attempt('create', () => fs.writeFileSync(at('new.txt'), ''));
    await attempt('mkdir', () => fs.mkdirSync(at('new')));
    await attempt('rename', () => fs.renameSync(at('file.txt'), at('moved.txt')));
    await attempt('remove', () => fs.unlinkSync(at('denied.txt')));
  },
};
