export default {
  title: "pushes another process's memory out with process_madvise, or reaps it",
  category: 'signals',
  guards: ['seccomp', 'namespaces', 'privileges'],
  victim: true,
  control: 'root',
  proof: 'call',
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  act: ({ attempt, sys, u64, input }) =>
    attempt('process_madvise', () => {
      const MADV_PAGEOUT = 21;
      const { pid, address } = input.victim;
      const fd = sys('pidfd_open', pid, 0);
      const page = BigInt(address) & ~4095n;
      return sys('process_madvise', fd, u64(page, 4096), 1, MADV_PAGEOUT, 0);
    }),
};
