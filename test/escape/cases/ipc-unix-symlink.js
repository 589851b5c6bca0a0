export default {
  title: 'connects to a unix socket over a link of its own',
  category: 'ipc',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  act: ({ attempt, connect, fs, input }) =>
    attempt('connect', () => {
      fs.symlinkSync(input.unix, `${input.out}/link`);
      return connect({ path: `${input.out}/link` });
    }),
};
