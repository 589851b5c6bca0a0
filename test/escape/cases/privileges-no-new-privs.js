export default {
  title: 'may gain privileges by execve',
  category: 'privileges',
  guards: ['privileges'],
  proof: 'call',
  deny: ['ERR_NOTHING'],
  act: ({ attempt, fs, coded }) =>
    attempt('NoNewPrivs', () => {
      const [, set] = /^NoNewPrivs:\t(.)$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'));
      if (set === '1') throw coded('ERR_NOTHING', 'set');
      return set;
    }),
};
