export default {
  title: "reads another package's .env",
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs, path, input }) =>
    attempt('readFileSync', () => fs.readFileSync(path.join(input.other, '.env'), 'utf8')),
};
