export default {
  title: 'raises the number of links of a file outside through an O_PATH descriptor',
  category: 'metadata',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EXDEV', 'ENOSYS'],
  act: ({ attempt, sys, AT_FDCWD, O_PATH, input }) =>
    attempt('linkat', () => {
      const AT_SYMLINK_FOLLOW = 0x400;
      const fd = sys('openat', AT_FDCWD, input.target, O_PATH, 0);
      const from = `/proc/self/fd/${fd}`;
      return sys('linkat', AT_FDCWD, from, AT_FDCWD, `${input.out}/hard`, AT_SYMLINK_FOLLOW);
    }),
};
