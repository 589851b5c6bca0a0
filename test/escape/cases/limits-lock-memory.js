export default {
  title: 'locks more memory than is usual',
  category: 'limits',
  guards: ['privileges', 'rlimits', 'seccomp'],
  control: 'root',
  proof: 'call',
  deny: ['EPERM', 'ENOMEM', 'EAGAIN', 'ENOSYS'],
  act: ({ attempt, sys }) =>
    attempt('mlockall', () => {
      const MCL_FUTURE = 2;
      const rc = sys('mlockall', MCL_FUTURE);
      const PRIVATE_ANONYMOUS = 0x22;
      sys('mmap', null, 2 ** 28, 3, PRIVATE_ANONYMOUS, -1, 0);
      return rc;
    }),
};
