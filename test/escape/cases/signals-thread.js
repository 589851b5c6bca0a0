export default {
  title: 'kills a thread of another process with tkill and tgkill',
  category: 'signals',
  guards: ['seccomp', 'landlock', 'namespaces', 'privileges'],
  victim: true,
  proof: 'call',
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, sys, input }) => {
    const { pid } = input.victim;
    await attempt('tkill', () => sys('tkill', pid, 0));
    await attempt('tgkill', () => sys('tgkill', pid, pid, 9));
  },
};
