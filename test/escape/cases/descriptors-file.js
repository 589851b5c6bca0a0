export default {
  title: 'reads a file that the host had open without O_CLOEXEC',
  category: 'descriptors',
  guards: ['descriptors'],
  deny: ['ERR_NOTHING'],
  setup: ({ raw, at, host, defer }) => {
    const fd = raw.syscall(raw.SYS.openat, -100, at('outside', 'secret.txt'), 2, 0);
    defer(() => host.fs.closeSync(fd));
    return { leaks: [fd] };
  },
  act: ({ attempt, fs, coded, input }) =>
    attempt('read', () => {
      for (const fd of fs.readdirSync('/proc/self/fd')) {
        const bytes = Buffer.alloc(100);
        try {
          if (fs.readlinkSync(`/proc/self/fd/${fd}`) !== input.target) continue;
        } catch {
          continue;
        }
        fs.readSync(Number(fd), bytes, 0, 100, 0);
        return bytes;
      }
      throw coded('ERR_NOTHING', 'none is open');
    }),
};
