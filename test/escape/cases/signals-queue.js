export default {
  title: 'sends a signal with data to another process',
  category: 'signals',
  guards: ['seccomp', 'landlock', 'namespaces', 'privileges'],
  victim: true,
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  act: ({ attempt, sys, input }) =>
    attempt('rt_sigqueueinfo', () => {
      const SIGKILL = 9;
      const SI_QUEUE = -1;
      const info = Buffer.alloc(128);
      info.writeInt32LE(SIGKILL, 0);
      info.writeInt32LE(SI_QUEUE, 8);
      return sys('rt_sigqueueinfo', input.victim.pid, SIGKILL, info);
    }),
};
