export default {
  title: 'moves a file from outside into outdir, where it may read',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EXDEV'],
  act: ({ attempt, fs, path, input }) =>
    attempt('renameSync', () => {
      const mine = path.join(input.out, 'mine.txt');
      fs.renameSync(input.target, mine);
      return fs.readFileSync(mine, 'utf8');
    }),
};
