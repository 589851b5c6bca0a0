export default {
  title: 'copies a directory outside into outdir',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: async ({ attempt, fs, path, input }) => {
    await attempt('cpSync', () => {
      fs.cpSync(input.outside, path.join(input.out, 'copy'), { recursive: true });
      return fs.readFileSync(path.join(input.out, 'copy', 'secret.txt'), 'utf8');
    });
    await attempt('copyFileSync', () => {
      fs.copyFileSync(input.target, path.join(input.out, 'copy.txt'));
      return fs.readFileSync(path.join(input.out, 'copy.txt'), 'utf8');
    });
  },
};
