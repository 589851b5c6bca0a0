export default {
  title: "has the host's inspector opened by a signal (process._debugProcess)",
  category: 'code',
  guards: ['seccomp', 'landlock', 'namespaces', 'privileges'],
  victim: true,
  deny: ['EPERM', 'ESRCH', 'EACCES'],
  act: ({ attempt, input }) =>
    attempt('_debugProcess', () => process._debugProcess(input.victim.pid)),
};
