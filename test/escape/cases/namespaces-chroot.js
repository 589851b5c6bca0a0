export default {
  title: 'takes a directory of its own for its root',
  category: 'namespaces',
  guards: ['seccomp', 'privileges'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: ({ attempt, sys, input }) => attempt('chroot', () => sys('chroot', input.out)),
};
