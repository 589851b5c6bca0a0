export default {
  title: "sets the machine's clock",
  category: 'kernel',
  guards: ['seccomp'],
  proof: 'call',
  // From an address that cannot be read: the kernel copies before it asks who it is.
  reached: ['EFAULT'],
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    await attempt('settimeofday', () => sys('settimeofday', 8, null));
    await attempt('clock_settime', () => sys('clock_settime', 0, 8));
    await attempt('adjtimex', () => sys('adjtimex', 8));
    await attempt('clock_adjtime', () => sys('clock_adjtime', 0, 8));
  },
};
