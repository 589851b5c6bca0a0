export default {
  title: 'makes children in namespaces of their own with clone and clone3',
  category: 'namespaces',
  guards: ['seccomp'],
  refusedIn: ['no-userns', 'bare'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, child, u64, CLONE, SIGCHLD }) => {
    for (const kind of ['NEWNS', 'NEWPID', 'NEWNET', 'NEWIPC', 'NEWUTS'])
      await attempt(kind, () => child('clone', CLONE[kind] | SIGCHLD, 0, 0, 0, 0));
    await attempt('clone3', () => {
      const args = u64(CLONE.NEWUSER, 0, 0, 0, SIGCHLD, 0, 0, 0);
      return child('clone3', args, args.length, 0, 0, 0);
    });
  },
};
