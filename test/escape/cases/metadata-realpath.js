export default {
  title: 'resolves a path outside',
  category: 'metadata',
  guards: ['namespaces'],
  openIn: ['no-userns', 'bare'],
  proof: 'call',
  act: ({ attempt, sys, fs, AT_FDCWD, O_PATH, input }) =>
    attempt('/proc/self/fd', () => {
      const fd = sys('openat', AT_FDCWD, `${input.outside}/dir`, O_PATH, 0);
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    }),
};
