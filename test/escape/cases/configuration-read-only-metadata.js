export default {
  title: 'changes mode, times and attributes where it may only read',
  category: 'configuration',
  guards: ['seccomp', 'namespaces', 'privileges'],
  watch: ['allowed'],
  deny: ['EACCES', 'EPERM', 'EROFS', 'ENOSYS'],
  config: ({ at }) => ({
    permissions: { filesystem: { allow: [at('allowed')], readOnly: true } },
  }),
  act: async ({ attempt, fs, path, sys, input }) => {
    const file = path.join(input.allowed, 'file.txt');
    await attempt('chmod', () => fs.chmodSync(file, 0o600));
    await attempt('utimes', () => fs.utimesSync(file, 1, 1));
    await attempt('setxattr', () => sys('setxattr', file, 'user.e', Buffer.from('x'), 1, 0));
  },
};
