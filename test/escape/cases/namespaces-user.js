export default {
  title: 'makes a user namespace, in which it would be root',
  category: 'namespaces',
  guards: ['seccomp'],
  refusedIn: ['no-userns', 'bare'],
  proof: 'call',
  // Of a process with several threads the kernel says EINVAL, once it has let it try.
  reached: ['EINVAL'],
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, child, sys, CLONE, SIGCHLD }) => {
    await attempt('clone', () => child('clone', CLONE.NEWUSER | SIGCHLD, 0, 0, 0, 0));
    await attempt('unshare', () => sys('unshare', CLONE.NEWUSER));
  },
};
