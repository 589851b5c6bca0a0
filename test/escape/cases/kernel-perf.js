export default {
  title: 'counts events with perf_event_open',
  category: 'kernel',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: ({ attempt, sys, u32 }) =>
    attempt('perf_event_open', () => {
      const [PERF_TYPE_SOFTWARE, SIZE] = [1, 112];
      const EXCLUDE_KERNEL_AND_HV = 0x60;
      const attr = Buffer.concat([u32(PERF_TYPE_SOFTWARE, SIZE), Buffer.alloc(SIZE - 8)]);
      attr.writeUInt32LE(EXCLUDE_KERNEL_AND_HV, 40);
      return sys('perf_event_open', attr, 0, -1, -1, 0);
    }),
};
