export default {
  title: "changes another process's priority, policy, processors and class of input and output",
  category: 'limits',
  guards: ['seccomp', 'namespaces', 'privileges'],
  victim: true,
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, sys, u64, u32, input }) => {
    const { pid } = input.victim;
    const [PRIO_PROCESS, IOPRIO_WHO_PROCESS, SCHED_BATCH, IDLE] = [0, 1, 3, 3 << 13];
    await attempt('setpriority', () => sys('setpriority', PRIO_PROCESS, pid, 19));
    await attempt('sched_setscheduler', () => sys('sched_setscheduler', pid, SCHED_BATCH, u32(0)));
    await attempt('sched_setaffinity', () => sys('sched_setaffinity', pid, 8, u64(1)));
    await attempt('ioprio_set', () => sys('ioprio_set', IOPRIO_WHO_PROCESS, pid, IDLE));
  },
};
