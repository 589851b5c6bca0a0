export default {
  title: "is in the host's process group, where a signal to its own group reaches the host",
  category: 'signals',
  guards: ['tree'],
  proof: 'call',
  deny: ['ERR_NOTHING'],
  setup: ({ host }) => ({
    group: host.fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[2],
  }),
  act: ({ attempt, fs, coded, input }) =>
    attempt('group', () => {
      const mine = fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[2];
      if (mine !== input.group) throw coded('ERR_NOTHING', `${mine} is not ${input.group}`);
      return mine;
    }),
};
