export default {
  title: "reads and writes another process's memory with process_vm_readv and process_vm_writev",
  category: 'signals',
  guards: ['seccomp', 'landlock', 'namespaces', 'privileges'],
  victim: true,
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, sys, iovec, u64, input }) => {
    const { pid, address } = input.victim;
    const there = u64(BigInt(address), 64);
    await attempt('read', () => {
      const bytes = Buffer.alloc(64);
      sys('process_vm_readv', pid, iovec(bytes), 1, there, 1, 0);
      return bytes;
    });
    await attempt('write', () => {
      const bytes = Buffer.alloc(64, 'x');
      bytes[63] = 0;
      return sys('process_vm_writev', pid, iovec(bytes), 1, there, 1, 0);
    });
  },
};
