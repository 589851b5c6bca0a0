export default {
  title: 'loads another kernel',
  category: 'kernel',
  guards: ['seccomp', 'privileges'],
  control: 'root',
  proof: 'call',
  reached: ['EINVAL', 'EBADF'],
  absent: ['ENOSYS'],
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    // What they ask for cannot be: a bad flag, no descriptor.
    await attempt('kexec_load', () => sys('kexec_load', 0, 0, null, 0xffff));
    await attempt('kexec_file_load', () => sys('kexec_file_load', 1000, 1000, 0, null, 0));
  },
};
