export default {
  title: 'has a system call of 32-bit programs looked at, whatever it answers',
  category: 'processes',
  guards: ['seccomp'],
  arch: 'x64',
  proof: 'call',
  reached: ['ENOENT'],
  deny: ['SIGSYS'],
  absent: ['SIGSEGV'],
  // Opened is nothing at all; that the kernel looks for it shows that it takes the call.
  act: ({ attempt, raw, result }) =>
    attempt('int 0x80', () => result('i386', raw().i386('/nowhere/at/all'))),
};
