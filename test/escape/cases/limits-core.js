export default {
  title: 'has a core file written when it crashes',
  category: 'limits',
  guards: ['rlimits'],
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys, u64 }) =>
    attempt('RLIMIT_CORE', () => {
      const RLIMIT_CORE = 4;
      return sys('prlimit64', 0, RLIMIT_CORE, u64(2 ** 20, 2 ** 20), null);
    }),
};
