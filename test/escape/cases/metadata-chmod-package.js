export default {
  title: 'changes the mode of a file of its package',
  category: 'metadata',
  guards: ['seccomp', 'namespaces', 'privileges'],
  deny: ['EACCES', 'EPERM', 'EROFS', 'ENOSYS'],
  act: async ({ attempt, coded, fs, path, sys, input }) => {
    const file = path.join(input.package, 'data.txt');
    await attempt('fchmod', () => {
      const fd = fs.openSync(file, 'r');
      sys('fchmod', fd, 0o600);
      // Without mounts fchmod says that it has, and has not, so that writers of files go on.
      if ((fs.fstatSync(fd).mode & 0o777) !== 0o600) throw coded('EPERM', 'fchmod is ignored');
    });
    await attempt('chmodSync', () => fs.chmodSync(file, 0o640));
  },
};
