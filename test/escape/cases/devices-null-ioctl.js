export default {
  title: 'makes its standard input belong to others: owner and signals of descriptors',
  category: 'devices',
  guards: ['seccomp', 'namespaces', 'privileges'],
  victim: true,
  proof: 'call',
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  // fcntl(F_SETOWN) sends SIGIO to whoever is named when something comes.
  act: ({ attempt, sys, input }) =>
    attempt('F_SETOWN', () => {
      const F_SETOWN = 8;
      return sys('fcntl', 1, F_SETOWN, input.victim.pid);
    }),
};
