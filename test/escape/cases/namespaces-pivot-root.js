export default {
  title: 'exchanges its root with pivot_root',
  category: 'namespaces',
  guards: ['seccomp', 'landlock', 'privileges'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, fs, sys, raw, input }) => {
    const old = `${input.out}/old`;
    // Whether the mount works is another case.
    raw().syscall(raw().SYS.mount, 'none', input.out, 'tmpfs', 0, null);
    fs.mkdirSync(old);
    await attempt('pivot_root', () => sys('pivot_root', input.out, old));
  },
};
