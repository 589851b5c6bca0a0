export default {
  title: 'overwrites a file outside',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: async ({ attempt, fs, input }) => {
    await attempt('writeFileSync', () => fs.writeFileSync(input.target, 'overwritten'));
    await attempt('appendFileSync', () => fs.appendFileSync(input.target, 'more'));
  },
};
