export default {
  title: 'opens another process with pidfd_open and signals it',
  category: 'signals',
  guards: ['landlock', 'seccomp', 'namespaces'],
  victim: true,
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, sys, input }) => {
    await attempt('pidfd_send_signal', () => {
      const fd = sys('pidfd_open', input.victim.pid, 0);
      return sys('pidfd_send_signal', fd, 9, null, 0);
    });
  },
};
