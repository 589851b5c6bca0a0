export default {
  title: 'opens relative to the descriptor of a directory that it may read',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, readFd, sys, input }) =>
    attempt('read', () => {
      const dir = sys('openat', -100, input.package, 0o200000, 0);
      return readFd(sys('openat', dir, '../outside/secret.txt', 0, 0));
    }),
};
