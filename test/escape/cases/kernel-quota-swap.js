export default {
  title: 'handles quotas, swap space, accounting and reboot',
  category: 'kernel',
  guards: ['seccomp', 'privileges'],
  control: 'root',
  proof: 'call',
  reached: ['ENOENT', 'EINVAL', 'EFAULT', 'ENODEV', 'ENOTBLK'],
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    await attempt('swapon', () => sys('swapon', '/nowhere/at/all', 0));
    await attempt('swapoff', () => sys('swapoff', '/nowhere/at/all'));
    await attempt('reboot', () => sys('reboot', 1, 2, 3, null));
  },
};
