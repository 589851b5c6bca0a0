export default {
  title: 'raises its limit of memory',
  category: 'limits',
  guards: ['rlimits'],
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys, u64 }) =>
    attempt('prlimit64', () => {
      const RLIMIT_DATA = 2;
      return sys('prlimit64', 0, RLIMIT_DATA, u64(-1, -1), null);
    }),
};
