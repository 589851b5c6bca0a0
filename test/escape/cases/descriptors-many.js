export default {
  title: 'counts descriptors: twenty pipes that the host left open',
  category: 'descriptors',
  guards: ['descriptors'],
  proof: 'call',
  deny: ['ERR_NOTHING'],
  setup: ({ raw, host, defer }) => {
    const leaks = Array.from({ length: 20 }, () => raw.syscall(raw.SYS.memfd_create, 'leak', 0));
    defer(() => leaks.forEach((fd) => host.fs.closeSync(fd)));
    return { leaks };
  },
  act: ({ attempt, fs, coded }) =>
    attempt('count', () => {
      const left = fs.readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith('/memfd:');
        } catch {
          return false;
        }
      });
      if (left.length === 0) throw coded('ERR_NOTHING', 'none is open');
      return left.length;
    }),
};
