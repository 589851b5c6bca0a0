export default {
  title: 'makes device nodes of its own',
  category: 'devices',
  guards: ['seccomp', 'landlock', 'privileges'],
  control: 'root',
  proof: 'call',
  deny: ['EACCES', 'EPERM', 'ENOSYS'],
  act: async ({ attempt, sys, AT_FDCWD, input }) => {
    const [S_IFCHR, S_IFBLK] = [0o020000, 0o060000];
    const make = (name, type, device) =>
      attempt(name, () => sys('mknodat', AT_FDCWD, `${input.out}/${name}`, type | 0o666, device));
    await make('kmsg', S_IFCHR, (1 << 8) | 11);
    await make('disk', S_IFBLK, 7 << 8);
  },
};
