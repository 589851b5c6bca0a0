export default {
  title: 'opens a file with process.binding, beneath everything that patches fs',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, readFd, input }) =>
    attempt('open', () => {
      process.removeAllListeners('warning');
      return readFd(process.binding('fs').open(input.target, 0, 0o666));
    }),
};
