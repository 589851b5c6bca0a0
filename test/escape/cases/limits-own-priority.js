export default {
  title: 'takes real-time scheduling, and a higher priority than the host',
  category: 'limits',
  guards: ['seccomp', 'privileges'],
  control: 'root',
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, sys, u32 }) => {
    const SCHED_RR = 2;
    await attempt('setpriority', () => {
      // From a low one: the host may have a high one already.
      sys('setpriority', 0, 0, 5);
      return sys('setpriority', 0, 0, -10);
    });
    await attempt('sched_setscheduler', () => sys('sched_setscheduler', 0, SCHED_RR, u32(1)));
  },
};
