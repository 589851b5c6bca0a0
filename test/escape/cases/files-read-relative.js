export default {
  title: 'reads a file by a path that climbs out of its directory',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs, path, input }) =>
    attempt('readFileSync', () => {
      const climb = path.relative(process.cwd(), input.target);
      return fs.readFileSync(climb, 'utf8');
    }),
};
