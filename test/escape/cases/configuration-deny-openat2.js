export default {
  title: 'opens what is denied with openat2 and O_PATH, relative to the allowed directory',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'ENOSYS'],
  config: ({ at }) => ({
    permissions: { filesystem: { allow: [at('allowed')], deny: [at('allowed', 'denied')] } },
  }),
  act: async ({ attempt, fs, sys, readFd, u64, AT_FDCWD, O_PATH, input }) => {
    const dir = () => sys('openat', AT_FDCWD, input.allowed, O_PATH, 0);
    await attempt('openat2', () => {
      const RESOLVE_BENEATH = 8;
      const how = u64(0, 0, RESOLVE_BENEATH);
      return readFd(sys('openat2', dir(), 'denied/secret.txt', how, how.length));
    });
    await attempt('O_PATH', () => {
      const fd = sys('openat', dir(), 'denied', O_PATH, 0);
      return fs.readFileSync(`/proc/self/fd/${fd}/secret.txt`, 'utf8');
    });
  },
};
