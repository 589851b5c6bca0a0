export default {
  title: 'traces another process and reads its memory',
  category: 'signals',
  guards: ['seccomp', 'landlock', 'namespaces', 'privileges'],
  victim: true,
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  act: ({ attempt, sys, input }) =>
    attempt('PTRACE_SEIZE', () => {
      const [PTRACE_PEEKDATA, PTRACE_DETACH, PTRACE_INTERRUPT, PTRACE_SEIZE] = [
        2, 17, 0x4207, 0x4206,
      ];
      const { pid, address } = input.victim;
      sys('ptrace', PTRACE_SEIZE, pid, 0, 0);
      sys('ptrace', PTRACE_INTERRUPT, pid, 0, 0);
      const __WALL = 0x40000000;
      sys('wait4', pid, Buffer.alloc(4), __WALL, null);
      const text = Buffer.alloc(64);
      for (let i = 0; i < 64; i += 8) {
        const word = Buffer.alloc(8);
        sys('ptrace', PTRACE_PEEKDATA, pid, BigInt(address) + BigInt(i), word);
        word.copy(text, i);
      }
      sys('ptrace', PTRACE_DETACH, pid, 0, 0);
      return text;
    }),
};
