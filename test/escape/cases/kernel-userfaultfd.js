export default {
  title: "handles page faults itself, which wins races in the kernel's copies",
  category: 'kernel',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys }) =>
    attempt('userfaultfd', () => {
      const UFFD_USER_MODE_ONLY = 1;
      return sys('userfaultfd', UFFD_USER_MODE_ONLY);
    }),
};
