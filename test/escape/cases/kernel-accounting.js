export default {
  title: 'switches accounting of processes on, into a file of its own',
  category: 'kernel',
  guards: ['seccomp', 'privileges'],
  control: 'root',
  proof: 'call',
  reached: ['EISDIR', 'EACCES'],
  absent: ['ENOSYS'],
  deny: ['EPERM', 'ENOSYS'],
  // A directory, which the kernel declines only after it has looked at it.
  act: ({ attempt, sys, input }) => attempt('acct', () => sys('acct', input.out)),
};
