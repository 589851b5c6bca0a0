export default {
  title: 'reads a file by its absolute path',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs, input }) =>
    attempt('readFileSync', () => fs.readFileSync(input.target, 'utf8')),
};
