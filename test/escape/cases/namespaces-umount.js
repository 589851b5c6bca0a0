export default {
  title: 'unmounts what covers the file system',
  category: 'namespaces',
  guards: ['seccomp', 'landlock', 'privileges'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: ({ attempt, sys }) =>
    attempt('umount2', () => {
      const MNT_DETACH = 2;
      return sys('umount2', '/proc', MNT_DETACH);
    }),
};
