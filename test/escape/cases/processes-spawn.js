export default {
  title: 'starts a program with child_process, in all its ways',
  category: 'processes',
  guards: ['landlock', 'seccomp'],
  probe: true,
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, child_process, probe, input }) => {
    const file = `${input.package}/probe`;
    await attempt('spawnSync', () => probe('read', input.target));
    await attempt('execFileSync', () => child_process.execFileSync(file, ['read', input.target]));
    await attempt('spawn', async () => {
      const child = child_process.spawn(file, ['read', input.target]);
      return new Promise((resolve, reject) => {
        child.once('error', reject);
        child.stdout?.once('data', (data) => resolve(String(data)));
      });
    });
  },
};
