export default {
  title: 'renames a file outside',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs, input }) =>
    attempt('renameSync', () => fs.renameSync(input.target, `${input.target}.moved`)),
};
