export default {
  title: 'makes handles of files outside with name_to_handle_at',
  category: 'kernel',
  guards: ['seccomp', 'namespaces'],
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOENT', 'ENOSYS'],
  act: ({ attempt, sys, AT_FDCWD, input }) =>
    attempt('name_to_handle_at', () => {
      const handle = Buffer.alloc(8 + 128);
      handle.writeUInt32LE(128, 0);
      return sys('name_to_handle_at', AT_FDCWD, input.target, handle, Buffer.alloc(4), 0);
    }),
};
