export default {
  title: "takes another process's descriptor with pidfd_getfd",
  category: 'signals',
  guards: ['landlock', 'seccomp', 'namespaces', 'privileges'],
  victim: true,
  proof: 'call',
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  act: ({ attempt, sys, input }) =>
    attempt('pidfd_getfd', () => {
      const fd = sys('pidfd_open', input.victim.pid, 0);
      return sys('pidfd_getfd', fd, 1, 0);
    }),
};
