export default {
  title: "learns where another process's robust list is, past address randomisation",
  category: 'signals',
  guards: ['seccomp', 'landlock', 'namespaces', 'privileges'],
  victim: true,
  proof: 'call',
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  act: ({ attempt, sys, input }) =>
    attempt('get_robust_list', () =>
      sys('get_robust_list', input.victim.pid, Buffer.alloc(8), Buffer.alloc(8)),
    ),
};
