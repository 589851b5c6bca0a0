export default {
  title: 'has itself traced by its parent, the sandbox',
  category: 'signals',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys }) => attempt('PTRACE_TRACEME', () => sys('ptrace', 0, 0, 0, 0)),
};
