export default {
  title: 'asks with signal 0 whether the host is there',
  category: 'signals',
  guards: ['seccomp', 'landlock', 'namespaces', 'privileges'],
  proof: 'call',
  deny: ['EPERM', 'ESRCH', 'EACCES'],
  act: ({ attempt, input }) => attempt('kill', () => process.kill(input.hostPid, 0)),
};
