export default {
  title: 'asks for quotas',
  category: 'kernel',
  guards: ['seccomp'],
  proof: 'call',
  reached: ['ENODEV', 'ENOTBLK', 'ENOENT', 'EINVAL'],
  absent: ['ENOSYS'],
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys }) =>
    attempt('quotactl', () => {
      const Q_GETFMT = 0x80000400;
      return sys('quotactl', Q_GETFMT, '/dev/null', 0, Buffer.alloc(8));
    }),
};
