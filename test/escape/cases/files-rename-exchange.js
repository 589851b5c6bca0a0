export default {
  title: 'exchanges a file of its own for one outside',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EXDEV'],
  act: ({ attempt, fs, path, sys, input }) =>
    attempt('renameat2', () => {
      const RENAME_EXCHANGE = 2;
      const mine = path.join(input.out, 'mine.txt');
      fs.writeFileSync(mine, 'planted');
      sys('renameat2', -100, mine, -100, input.target, RENAME_EXCHANGE);
      return fs.readFileSync(mine, 'utf8');
    }),
};
