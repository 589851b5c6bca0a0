export default {
  title: 'punches a hole into a file of its package through a descriptor that may only read',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'EROFS', 'EBADF', 'ENOSYS'],
  act: ({ attempt, fs, path, sys, input }) =>
    attempt('fallocate', () => {
      const fd = fs.openSync(path.join(input.package, 'data.txt'), fs.constants.O_RDWR);
      return sys('fallocate', fd, 3, 0, 5);
    }),
};
