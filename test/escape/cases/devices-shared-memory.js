export default {
  title: 'leaves files in /dev/shm',
  category: 'devices',
  guards: ['landlock', 'namespaces'],
  proof: 'call',
  act: async ({ attempt, fs }) => {
    await attempt('list', () => fs.readdirSync('/dev/shm'));
    await attempt('write', () => {
      const file = `/dev/shm/escape-${process.pid}`;
      fs.writeFileSync(file, 'x');
      fs.unlinkSync(file);
    });
  },
};
