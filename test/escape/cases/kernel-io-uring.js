export default {
  title: 'sets up an io_uring',
  category: 'kernel',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    await attempt('setup', () => sys('io_uring_setup', 4, Buffer.alloc(120)));
  },
};
