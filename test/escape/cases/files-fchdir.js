export default {
  title: 'changes its directory to one outside and reads a plain name',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: async ({ attempt, fs, input }) => {
    await attempt('read', () => {
      process.chdir(input.outside);
      return fs.readFileSync('secret.txt', 'utf8');
    });
  },
};
