export default {
  title: 'mounts file systems, binds and moves them',
  category: 'namespaces',
  guards: ['seccomp', 'landlock', 'privileges'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, fs, path, sys, input }) => {
    const [MS_BIND, MS_REMOUNT, MS_MOVE, MS_REC, MS_PRIVATE] = [4096, 32, 8192, 16384, 1 << 18];
    const at = path.join(input.out, 'mnt');
    fs.mkdirSync(at);
    await attempt('tmpfs', () => sys('mount', 'none', at, 'tmpfs', 0, null));
    await attempt('bind', () => sys('mount', input.package, at, null, MS_BIND | MS_REC, null));
    await attempt('remount', () => sys('mount', null, at, null, MS_REMOUNT | MS_BIND, null));
    await attempt('private', () => sys('mount', null, '/', null, MS_REC | MS_PRIVATE, null));
    await attempt('move', () => sys('mount', at, input.package, null, MS_MOVE, null));
  },
};
