export default {
  title: 'makes a hard link in outdir to a file outside, and reads that',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EXDEV'],
  act: async ({ attempt, fs, path, sys, input }) => {
    await attempt('linkSync', () => {
      const mine = path.join(input.out, 'mine.txt');
      fs.linkSync(input.target, mine);
      return fs.readFileSync(mine, 'utf8');
    });
    await attempt('linkat', () => {
      const AT_SYMLINK_FOLLOW = 0x400;
      const link = path.join(input.out, 'link');
      fs.symlinkSync(input.target, link);
      sys('linkat', -100, link, -100, path.join(input.out, 'hard'), AT_SYMLINK_FOLLOW);
      return fs.readFileSync(path.join(input.out, 'hard'), 'utf8');
    });
  },
};
