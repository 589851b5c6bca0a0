export default {
  title: 'makes a child with the system call fork',
  category: 'processes',
  guards: ['seccomp'],
  arch: 'x64',
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, child }) => attempt('fork', () => child('fork')),
};
