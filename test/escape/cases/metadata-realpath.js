export default {
  title: 'resolves paths outside with realpath and realpath.native (nodejs CVE-2025-55130)',
  category: 'metadata',
  guards: ['namespaces'],
  openIn: ['no-userns', 'bare'],
  proof: 'call',
  act: async ({ attempt, fs, path, input }) => {
    const way = path.join(input.outside, 'dir', '..', 'secret.txt');
    await attempt('realpathSync', () => fs.realpathSync(way));
    await attempt('native', () => fs.realpathSync.native(way));
  },
};
