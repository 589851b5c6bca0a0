export default {
  title: 'finds and opens the disks of the machine',
  category: 'devices',
  guards: ['landlock', 'namespaces'],
  proof: 'call',
  act: async ({ attempt, fs }) => {
    await attempt('block devices', () => fs.readdirSync('/sys/block'));
    await attempt('mounts', () => fs.readFileSync('/proc/filesystems', 'utf8'));
  },
};
