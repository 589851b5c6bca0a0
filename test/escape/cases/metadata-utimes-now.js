export default {
  title: 'sets the times of a writable file outside to now, which needs no ownership',
  category: 'metadata',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EROFS', 'ENOSYS'],
  act: async ({ attempt, sys, AT_FDCWD, input }) => {
    await attempt('utimensat', () => sys('utimensat', AT_FDCWD, input.target, null, 0));
    await attempt('package', () =>
      sys('utimensat', AT_FDCWD, `${input.package}/data.txt`, null, 0),
    );
  },
};
