export default {
  title: "raises the host's System V semaphore",
  category: 'ipc',
  guards: ['seccomp', 'namespaces'],
  victim: true,
  deny: ['EPERM', 'EACCES', 'EINVAL', 'EIDRM', 'ENOSYS'],
  act: ({ attempt, sys, input }) =>
    attempt('semop', () => {
      const up = Buffer.from(new Int16Array([0, 1, 0]).buffer);
      return sys('semop', input.victim.sem, up, 1);
    }),
};
