export default {
  title: 'opens with openat2',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'ENOSYS'],
  act: ({ attempt, readFd, sys, u64, input }) =>
    attempt('read', () => {
      const how = u64(0, 0, 0);
      return readFd(sys('openat2', -100, input.target, how, how.length));
    }),
};
