export default {
  title: 'changes the times of files outside',
  category: 'metadata',
  guards: ['seccomp', 'namespaces', 'privileges'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EROFS', 'ENOSYS'],
  act: async ({ attempt, fs, path, sys, u64, input }) => {
    await attempt('utimesSync', () => fs.utimesSync(input.target, 1, 1));
    await attempt('lutimesSync', () => fs.lutimesSync(input.target, 2, 2));
    const own = path.join(input.package, 'data.txt');
    await attempt('utimensat', () =>
      sys('utimensat', fs.openSync(own, 'r'), null, u64(3, 0, 3, 0), 0),
    );
  },
};
