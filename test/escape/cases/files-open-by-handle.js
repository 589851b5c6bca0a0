export default {
  title: 'opens a file by its handle, past all directories',
  category: 'files',
  guards: ['landlock', 'seccomp', 'privileges'],
  control: 'root',
  deny: ['EACCES', 'EPERM', 'ENOENT', 'ENOSYS'],
  act: ({ attempt, fs, sys, readFd, input }) =>
    attempt('open_by_handle_at', () => {
      const handle = Buffer.alloc(8 + 128);
      handle.writeUInt32LE(128, 0);
      sys('name_to_handle_at', -100, input.target, handle, Buffer.alloc(4), 0);
      const mount = fs.openSync(input.package, 'r');
      return readFd(sys('open_by_handle_at', mount, handle, 0));
    }),
};
