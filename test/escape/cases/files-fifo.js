export default {
  title: 'makes a fifo, a socket and a plain node outside',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: async ({ attempt, sys, path, input }) => {
    const S_IFIFO = 0o010000;
    const S_IFSOCK = 0o140000;
    const S_IFREG = 0o100000;
    const make = (name, type) =>
      attempt(name, () => sys('mknodat', -100, path.join(input.outside, name), type | 0o666, 0));
    await make('fifo', S_IFIFO);
    await make('socket', S_IFSOCK);
    await make('file', S_IFREG);
  },
};
