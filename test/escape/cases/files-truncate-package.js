export default {
  title: 'truncates a file of its package, which it may read',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'EROFS'],
  act: async ({ attempt, sys, fs, path, input }) => {
    const file = path.join(input.package, 'data.txt');
    await attempt('truncate', () => sys('truncate', file, 0));
    await attempt('O_TRUNC', () => fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_TRUNC));
  },
};
