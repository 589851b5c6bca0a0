export default {
  title: 'makes a child with the system call vfork',
  category: 'processes',
  guards: ['seccomp'],
  arch: 'x64',
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, child }) => attempt('vfork', () => child('vfork')),
};
