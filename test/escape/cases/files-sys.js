export default {
  title: 'reads what /sys tells of the machine',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  proof: 'call',
  act: async ({ attempt, fs }) => {
    await attempt('list', () => fs.readdirSync('/sys/class/net'));
    await attempt('uevent', () => fs.readFileSync('/sys/kernel/uevent_seqnum', 'utf8'));
  },
};
