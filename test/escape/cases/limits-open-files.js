export default {
  title: 'opens more files than it may',
  category: 'limits',
  guards: ['rlimits'],
  config: { execution: { maxOpenFiles: 64 } },
  proof: 'call',
  deny: ['EMFILE'],
  act: ({ attempt, fs }) =>
    attempt('open', () => {
      const fds = [];
      try {
        for (let i = 0; i < 128; i++) fds.push(fs.openSync('/dev/null'));
      } finally {
        for (const fd of fds) fs.closeSync(fd);
      }
    }),
};
