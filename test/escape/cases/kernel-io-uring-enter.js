export default {
  title: 'drives an io_uring that somebody else may have set up',
  category: 'kernel',
  guards: ['seccomp'],
  proof: 'call',
  reached: ['EBADF', 'EINVAL'],
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    await attempt('enter', () => sys('io_uring_enter', 1000, 0, 0, 0, null, 0));
    await attempt('register', () => sys('io_uring_register', 1000, 0, null, 0));
  },
};
