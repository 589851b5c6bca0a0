export default {
  title: 'changes the mode of a file of its package, through a descriptor that may only read',
  category: 'metadata',
  guards: ['seccomp', 'namespaces', 'privileges'],
  deny: ['EACCES', 'EPERM', 'EROFS', 'ENOSYS'],
  act: async ({ attempt, coded, fs, path, input }) => {
    const file = path.join(input.package, 'data.txt');
    await attempt('fchmodSync', () => {
      const fd = fs.openSync(file, 'r');
      fs.fchmodSync(fd, 0o600);
      // Without mounts fchmod says that it has, and has not, so that writers of files go on.
      if ((fs.fstatSync(fd).mode & 0o777) !== 0o600) throw coded('EPERM', 'fchmod is ignored');
    });
    await attempt('chmodSync', () => fs.chmodSync(file, 0o640));
  },
};
