export default {
  title: 'compares kernel objects of two processes with kcmp',
  category: 'signals',
  guards: ['seccomp', 'landlock', 'namespaces', 'privileges'],
  victim: true,
  proof: 'call',
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  act: ({ attempt, sys, input }) =>
    attempt('KCMP_VM', () => {
      const { pid } = input.victim;
      return sys('kcmp', pid, process.pid, 1, 0, 0);
    }),
};
