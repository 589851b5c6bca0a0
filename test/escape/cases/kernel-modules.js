export default {
  title: 'loads and unloads kernel modules',
  category: 'kernel',
  guards: ['seccomp', 'privileges'],
  control: 'root',
  proof: 'call',
  reached: ['EFAULT', 'EBADF', 'ENOENT', 'ENOEXEC'],
  absent: ['ENOSYS'],
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    await attempt('init_module', () => sys('init_module', 8, 64, ''));
    await attempt('finit_module', () => sys('finit_module', 1000, '', 0));
    await attempt('delete_module', () => sys('delete_module', 'escape_none', 0));
  },
};
