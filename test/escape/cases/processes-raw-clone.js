export default {
  title: 'makes a child with the system call clone, with and without flags of its own',
  category: 'processes',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, child, CLONE, SIGCHLD }) => {
    await attempt('SIGCHLD', () => child('clone', SIGCHLD, 0, 0, 0, 0));
    await attempt('CLONE_VFORK', () => child('clone', CLONE.VFORK | SIGCHLD, 0, 0, 0, 0));
    // Nobody is told of the end of such a child.
    await attempt('no signal', () => child('clone', 0, 0, 0, 0, 0));
    const CLONE_PARENT_SETTID = 0x100000;
    const pid = Buffer.alloc(4);
    await attempt('CLONE_PARENT_SETTID', () =>
      child('clone', CLONE_PARENT_SETTID | SIGCHLD, 0, pid, 0, 0),
    );
  },
};
