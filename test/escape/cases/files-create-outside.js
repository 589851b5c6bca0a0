export default {
  title: 'creates files and directories outside',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: async ({ attempt, fs, path, input }) => {
    const at = (name) => path.join(input.outside, name);
    await attempt('file', () => fs.writeFileSync(at('new.txt'), ''));
    await attempt('mkdirSync', () => fs.mkdirSync(at('new')));
    await attempt('symlinkSync', () => fs.symlinkSync('secret.txt', at('link')));
  },
};
