export default {
  title: 'gives files outside to itself',
  category: 'metadata',
  guards: ['seccomp', 'namespaces', 'privileges'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EROFS', 'ENOSYS'],
  act: async ({ attempt, fs, input }) => {
    const [uid, gid] = [process.getuid(), process.getgid()];
    await attempt('chownSync', () => fs.chownSync(input.target, uid, gid));
    await attempt('lchownSync', () => fs.lchownSync(input.target, uid, gid));
  },
};
