export default {
  title: 'opens and reads a file with the system calls of 32-bit programs (int 0x80)',
  category: 'processes',
  guards: ['landlock', 'seccomp', 'namespaces'],
  arch: 'x64',
  deny: ['SIGSYS'],
  absent: ['SIGSEGV'],
  act: ({ attempt, raw, result, input }) =>
    attempt('int 0x80', () => result('i386', raw().i386(input.target))),
};
