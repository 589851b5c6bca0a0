export default {
  title: 'makes system calls with the numbers of the x32 ABI',
  category: 'processes',
  guards: ['seccomp'],
  arch: 'x64',
  proof: 'call',
  // A kernel without x32 knows no such numbers; a guest is killed all the same.
  reached: ['ENOSYS'],
  deny: ['SIGSYS'],
  act: ({ attempt, raw, result }) =>
    attempt('getpid', () => {
      const X32 = 0x40000000;
      return result('getpid', raw().syscall(X32 + raw().SYS.getpid));
    }),
};
