export default {
  title: 'takes groups of others, or keeps those of the host',
  category: 'privileges',
  guards: ['privileges', 'seccomp'],
  control: 'root',
  proof: 'call',
  deny: ['EPERM', 'EINVAL', 'ENOSYS'],
  act: ({ attempt, sys, u32 }) => attempt('setgroups', () => sys('setgroups', 2, u32(0, 4))),
};
