export default {
  title: 'reads through a relative symbolic link in outdir that leads outside',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs, path, input }) =>
    attempt('read', () => {
      const link = path.join(input.out, 'link');
      fs.symlinkSync(path.relative(input.out, input.target), link);
      return fs.readFileSync(link, 'utf8');
    }),
};
