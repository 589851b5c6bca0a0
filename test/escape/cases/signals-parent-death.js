export default {
  title: 'forgets to end with its parent (PR_SET_PDEATHSIG)',
  category: 'signals',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys }) => attempt('PR_SET_PDEATHSIG', () => sys('prctl', 1, 0, 0, 0, 0)),
};
