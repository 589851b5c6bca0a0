export default {
  title: 'says of itself that it is root and was started with other flags, and reads a file',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs, input }) =>
    attempt('read', () => {
      process.execArgv = ['--no-warnings'];
      process.env.USER = 'root';
      process.getuid = () => 0;
      return fs.readFileSync(input.target, 'utf8');
    }),
};
