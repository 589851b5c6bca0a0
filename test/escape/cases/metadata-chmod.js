export default {
  title: 'changes the mode of files outside, which Landlock does not govern',
  category: 'metadata',
  guards: ['seccomp', 'namespaces', 'privileges'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EROFS', 'ENOSYS'],
  act: async ({ attempt, fs, path, sys, AT_FDCWD, input }) => {
    await attempt('chmodSync', () => fs.chmodSync(input.target, 0o600));
    await attempt('directory', () => fs.chmodSync(path.join(input.outside, 'dir'), 0o700));
    await attempt('fchmodat', () => sys('fchmodat', AT_FDCWD, input.target, 0o640));
  },
};
