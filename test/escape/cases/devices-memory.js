export default {
  title: "opens the machine's memory, log and ports as devices",
  category: 'devices',
  guards: ['landlock', 'privileges'],
  control: 'root',
  proof: 'call',
  act: ({ attempt, fs }) => attempt('kmsg', () => fs.closeSync(fs.openSync('/dev/kmsg', 'r'))),
};
