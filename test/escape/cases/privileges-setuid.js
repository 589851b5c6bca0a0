export default {
  title: 'becomes root, or another user',
  category: 'privileges',
  guards: ['privileges', 'seccomp'],
  control: 'root',
  proof: 'call',
  deny: ['EPERM', 'EINVAL', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    await attempt('setuid', () => sys('setuid', 0));
    await attempt('setgid', () => sys('setgid', 0));
    await attempt('setresgid', () => sys('setresgid', 1, 1, 1));
    await attempt('setresuid', () => sys('setresuid', 1, 1, 0));
  },
};
