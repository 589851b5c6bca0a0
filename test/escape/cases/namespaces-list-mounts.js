export default {
  title: 'lists the mounts of the machine with listmount',
  category: 'namespaces',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOENT', 'ENOSYS'],
  absent: ['ENOSYS'],
  act: ({ attempt, sys, u64 }) =>
    attempt('listmount', () => {
      const LSMT_ROOT = -1;
      const request = u64(24, LSMT_ROOT, 0);
      const ids = Buffer.alloc(8 * 64);
      return sys('listmount', request, ids, 64, 0);
    }),
};
