export default {
  title: 'changes the mode of a file outside with fchmodat2 and an O_PATH descriptor',
  category: 'metadata',
  guards: ['seccomp', 'namespaces', 'privileges'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EROFS', 'ENOSYS'],
  absent: ['ENOSYS'],
  act: ({ attempt, sys, AT_FDCWD, AT_EMPTY_PATH, O_PATH, input }) =>
    attempt('fchmodat2', () => {
      const fd = sys('openat', AT_FDCWD, input.target, O_PATH, 0);
      return sys('fchmodat2', fd, '', 0o600, AT_EMPTY_PATH);
    }),
};
