export default {
  title: "removes the host's System V and POSIX objects",
  category: 'ipc',
  guards: ['seccomp', 'namespaces', 'privileges'],
  victim: true,
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'EINVAL', 'EIDRM', 'ENOENT', 'ENOSYS'],
  act: async ({ attempt, sys, input }) => {
    await attempt('shmctl', () => sys('shmctl', input.victim.shm, 0, 0));
    await attempt('mq_unlink', () => sys('mq_unlink', input.victim.mq));
  },
};
