export default {
  title: 'lists and reads through a link to a directory outside',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: async ({ attempt, fs, path, input }) => {
    const link = path.join(input.out, 'dir');
    fs.symlinkSync(input.outside, link);
    await attempt('list', () => fs.readdirSync(link));
    await attempt('read', () => fs.readFileSync(path.join(link, 'secret.txt'), 'utf8'));
    await attempt('create', () => fs.writeFileSync(path.join(link, 'new'), ''));
  },
};
