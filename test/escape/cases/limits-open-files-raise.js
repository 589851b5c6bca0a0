export default {
  title: 'raises its limit of open files',
  category: 'limits',
  guards: ['rlimits'],
  config: { execution: { maxOpenFiles: 64 } },
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys, u64 }) =>
    attempt('prlimit64', () => {
      const RLIMIT_NOFILE = 7;
      return sys('prlimit64', 0, RLIMIT_NOFILE, u64(512, 512), null);
    }),
};
