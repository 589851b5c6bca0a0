export default {
  title: 'reads extended attributes of files outside',
  category: 'metadata',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'ENOSYS', 'EOPNOTSUPP'],
  setup: ({ raw, at, secret }) => {
    const value = Buffer.from(secret);
    raw.syscall(raw.SYS.setxattr, at('outside', 'secret.txt'), 'user.s', value, value.length, 0);
  },
  act: ({ attempt, sys, input }) =>
    attempt('getxattr', () => {
      const value = Buffer.alloc(100);
      sys('getxattr', input.target, 'user.s', value, value.length);
      return value;
    }),
};
