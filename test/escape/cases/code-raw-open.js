export default {
  title: 'opens a file by the system call, in an addon',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, readFd, sys, AT_FDCWD, input }) =>
    attempt('openat', () => readFd(sys('openat', AT_FDCWD, input.target, 0, 0))),
};
