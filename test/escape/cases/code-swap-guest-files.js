export default {
  title: "overwrites the sandbox's own code that the next guest starts from",
  category: 'code',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'EROFS', 'ENOENT'],
  proof: 'call',
  setup: ({ native, host, at }) => {
    // A stand-in in the control, so that nothing breaks the suite itself.
    const real = native('../../lib/guest/bootstrap.cjs');
    if (host.role === 'guest') return { bootstrap: real };
    host.fs.copyFileSync(real, at('out', 'bootstrap.cjs'));
    return { bootstrap: at('out', 'bootstrap.cjs') };
  },
  act: ({ attempt, fs, input }) =>
    attempt('open for writing', () => fs.closeSync(fs.openSync(input.bootstrap, 'r+'))),
};
