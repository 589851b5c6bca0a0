export default {
  title: 'climbs out of an allowed directory with a descriptor of it',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  config: ({ at }) => ({ permissions: { filesystem: { allow: [at('allowed', 'denied')] } } }),
  act: async ({ attempt, readFd, sys, AT_FDCWD, O_PATH, input }) => {
    const dir = () => sys('openat', AT_FDCWD, `${input.allowed}/denied`, O_PATH, 0);
    await attempt('dots', () => readFd(sys('openat', dir(), '../../outside/secret.txt', 0, 0)));
    await attempt('fchdir', () => {
      sys('fchdir', dir());
      return readFd(sys('openat', AT_FDCWD, '../denied.txt', 0, 0));
    });
  },
};
