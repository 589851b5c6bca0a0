export default {
  title: 'makes a file of its package immutable, or changes its flags',
  category: 'metadata',
  guards: ['seccomp', 'namespaces', 'privileges'],
  deny: ['EACCES', 'EPERM', 'EROFS', 'ENOTTY', 'ENOSYS'],
  act: ({ attempt, fs, path, sys, input }) =>
    attempt('FS_IOC_SETFLAGS', () => {
      const FS_IOC_GETFLAGS = 0x80086601;
      const FS_IOC_SETFLAGS = 0x40086602;
      const FS_NODUMP_FL = 0x40;
      const fd = fs.openSync(path.join(input.package, 'data.txt'), 'r');
      const flags = Buffer.alloc(8);
      sys('ioctl', fd, FS_IOC_GETFLAGS, flags);
      flags.writeUInt32LE(flags.readUInt32LE() | FS_NODUMP_FL);
      return sys('ioctl', fd, FS_IOC_SETFLAGS, flags);
    }),
};
