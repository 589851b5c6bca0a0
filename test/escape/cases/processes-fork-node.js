export default {
  title: 'forks another Node.js with child_process.fork and cluster',
  category: 'processes',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, child_process, fs, input }) => {
    const file = `${input.out}/child.cjs`;
    fs.writeFileSync(file, 'process.send?.("here"); process.disconnect?.();');
    const until = (child) =>
      new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('message', resolve);
      });
    await attempt('fork', () => until(child_process.fork(file)));
    await attempt('cluster', async () => {
      const { default: cluster } = await import('node:cluster');
      cluster.setupPrimary({ exec: file });
      return new Promise((resolve, reject) => {
        const worker = cluster.fork();
        worker.process.once('error', reject);
        worker.once('error', reject);
        worker.once('message', resolve);
      });
    });
  },
};
