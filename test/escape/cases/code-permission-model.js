export default {
  title: "reads a file with Node.js's own permission object and environment in its hands",
  category: 'code',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs, input }) =>
    attempt('read', () => {
      process.permission = { has: () => true };
      process.env.NODE_OPTIONS = '--allow-fs-read=*';
      process.execArgv = ['--allow-fs-read=*'];
      process.getuid = () => 0;
      return fs.readFileSync(Buffer.from(input.target), 'utf8');
    }),
};
