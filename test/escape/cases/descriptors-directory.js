export default {
  title: 'opens relative to a directory that the host had open without O_CLOEXEC',
  category: 'descriptors',
  guards: ['descriptors', 'landlock'],
  deny: ['ERR_NOTHING', 'EACCES'],
  setup: ({ raw, at, host, defer }) => {
    const O_DIRECTORY = 0o200000;
    const fd = raw.syscall(raw.SYS.openat, -100, at('outside'), O_DIRECTORY, 0);
    defer(() => host.fs.closeSync(fd));
    return { leaks: [fd] };
  },
  act: ({ attempt, sys, readFd, coded }) =>
    attempt('openat', () => {
      for (let fd = 3; fd < 256; fd++) {
        try {
          return readFd(sys('openat', fd, 'secret.txt', 0, 0));
        } catch (error) {
          if (error.code === 'EACCES') throw error;
        }
      }
      throw coded('ERR_NOTHING', 'none is open');
    }),
};
