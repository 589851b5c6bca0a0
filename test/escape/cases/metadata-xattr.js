export default {
  title: 'sets extended attributes of files outside',
  category: 'metadata',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EROFS', 'ENOSYS'],
  act: async ({ attempt, sys, input }) => {
    const value = Buffer.from('x');
    await attempt('setxattr', () => sys('setxattr', input.target, 'user.escape', value, 1, 0));
    await attempt('package', () =>
      sys('setxattr', `${input.package}/data.txt`, 'user.escape', value, 1, 0),
    );
  },
};
