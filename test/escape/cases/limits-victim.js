export default {
  title: "changes another process's limits",
  category: 'limits',
  guards: ['seccomp', 'namespaces', 'privileges'],
  victim: true,
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  act: ({ attempt, sys, u64, input }) =>
    attempt('prlimit64', () => {
      const RLIMIT_NOFILE = 7;
      return sys('prlimit64', input.victim.pid, RLIMIT_NOFILE, u64(8, 8), null);
    }),
};
