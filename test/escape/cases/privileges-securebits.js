export default {
  title: 'changes the rules by which root gets capabilities',
  category: 'privileges',
  guards: ['privileges', 'seccomp'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys }) =>
    attempt('PR_SET_SECUREBITS', () => {
      const PR_SET_SECUREBITS = 28;
      return sys('prctl', PR_SET_SECUREBITS, 0, 0, 0, 0);
    }),
};
