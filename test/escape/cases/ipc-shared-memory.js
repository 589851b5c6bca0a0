export default {
  title: "attaches the host's System V shared memory",
  category: 'ipc',
  guards: ['seccomp', 'namespaces'],
  victim: true,
  deny: ['EPERM', 'EACCES', 'EINVAL', 'EIDRM', 'ENOSYS'],
  act: ({ attempt, sys, raw, input }) =>
    attempt('shmat', () => raw().peek(sys('shmat', input.victim.shm, null, 0), 64)),
};
