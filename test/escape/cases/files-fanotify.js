export default {
  title: 'watches the file system with fanotify',
  category: 'files',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys }) =>
    attempt('fanotify_init', () => {
      const FAN_REPORT_FID = 0x200;
      return sys('fanotify_init', FAN_REPORT_FID, 0);
    }),
};
