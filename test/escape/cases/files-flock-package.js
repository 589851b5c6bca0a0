export default {
  title: 'locks a file of its package, which keeps others from working with it',
  category: 'files',
  guards: ['seccomp'],
  deny: ['EACCES', 'EPERM', 'ENOSYS', 'EBADF'],
  proof: 'call',
  act: ({ attempt, fs, path, sys, input }) =>
    attempt('flock', () => {
      const LOCK_EX_NB = 2 | 4;
      const fd = fs.openSync(path.join(input.package, 'data.txt'), 'r');
      return sys('flock', fd, LOCK_EX_NB);
    }),
};
