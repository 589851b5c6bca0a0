export default {
  title: 'kills another process',
  category: 'signals',
  guards: ['seccomp', 'landlock', 'namespaces', 'privileges'],
  victim: true,
  deny: ['EPERM', 'ESRCH', 'EACCES'],
  act: ({ attempt, input }) => attempt('kill', () => process.kill(input.victim.pid, 'SIGKILL')),
};
