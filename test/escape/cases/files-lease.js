export default {
  title: 'takes a lease on a file of its package, and hears of whoever opens it',
  category: 'files',
  guards: ['seccomp'],
  deny: ['EACCES', 'EPERM', 'EINVAL', 'ENOSYS'],
  proof: 'call',
  act: ({ attempt, fs, path, sys, input }) =>
    attempt('F_SETLEASE', () => {
      const F_SETLEASE = 1024;
      const F_RDLCK = 0;
      const fd = fs.openSync(path.join(input.package, 'data.txt'), 'r');
      return sys('fcntl', fd, F_SETLEASE, F_RDLCK);
    }),
};
