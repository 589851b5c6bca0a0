export default {
  title: 'gives itself capabilities',
  category: 'privileges',
  guards: ['privileges', 'seccomp'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys, u32 }) =>
    attempt('capset', () => {
      const VERSION_3 = 0x20080522;
      const SYS_ADMIN = 1 << 21;
      return sys('capset', u32(VERSION_3, 0), u32(SYS_ADMIN, SYS_ADMIN, 0, 0, 0, 0));
    }),
};
