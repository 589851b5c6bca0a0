export default {
  title: 'reads and writes through a symbolic link in outdir that leads outside',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: async ({ attempt, fs, path, input }) => {
    const link = path.join(input.out, 'link');
    fs.symlinkSync(input.target, link);
    await attempt('read', () => fs.readFileSync(link, 'utf8'));
    await attempt('write', () => fs.writeFileSync(link, 'overwritten'));
  },
};
