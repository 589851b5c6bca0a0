export default {
  title: 'moves a file of its own over one outside',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EXDEV'],
  act: ({ attempt, fs, path, input }) =>
    attempt('renameSync', () => {
      const mine = path.join(input.out, 'mine.txt');
      fs.writeFileSync(mine, 'planted');
      fs.renameSync(mine, input.target);
    }),
};
