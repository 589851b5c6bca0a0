export default {
  title: 'signals every process that it may (kill -1)',
  category: 'signals',
  guards: ['seccomp', 'landlock', 'namespaces'],
  proof: 'call',
  deny: ['EPERM', 'ESRCH', 'EACCES'],
  // Signal 0 only asks, or the control would end the machine.
  act: ({ attempt, input }) =>
    attempt('kill', () => {
      process.kill(-1, 0);
      // In a PID namespace everybody is its own.
      process.kill(input.hostPid, 0);
    }),
};
