export default {
  title: 'makes a child with clone3, whose flags seccomp cannot see',
  category: 'processes',
  guards: ['seccomp'],
  refusedIn: ['no-userns', 'bare'],
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, child, u64, SIGCHLD }) =>
    attempt('clone3', () => {
      const args = u64(0, 0, 0, 0, SIGCHLD, 0, 0, 0);
      return child('clone3', args, args.length, 0, 0, 0);
    }),
};
