export default {
  title: "moves another process's pages between nodes",
  category: 'kernel',
  guards: ['seccomp', 'landlock', 'namespaces', 'privileges'],
  victim: true,
  proof: 'call',
  absent: ['ENOSYS'],
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  act: ({ attempt, sys, u64, u32, input }) =>
    attempt('move_pages', () => {
      const { pid, address } = input.victim;
      return sys('move_pages', pid, 1, u64(BigInt(address) & ~4095n), null, u32(0), 0);
    }),
};
