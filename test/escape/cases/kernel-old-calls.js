export default {
  title: 'uses calls that nobody uses any more',
  category: 'kernel',
  guards: ['seccomp'],
  arch: 'x64',
  proof: 'call',
  deny: ['EPERM'],
  // What this kernel does not have either answers ENOSYS in both, and shows nothing.
  absent: ['ENOSYS'],
  act: ({ attempt, sys }) => attempt('sysfs', () => sys('sysfs', 3, 0, 0)),
};
