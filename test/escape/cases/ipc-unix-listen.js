export default {
  title: 'listens on a unix socket in outdir and on an abstract one, for the next run or a friend',
  category: 'ipc',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  act: async ({ attempt, sys, unixAddress, AF, SOCK, input }) => {
    for (const name of [`${input.out}/listen`, `@escape-${process.pid}-listen`])
      await attempt(name, () => {
        const fd = sys('socket', AF.UNIX, SOCK.STREAM, 0);
        const address = unixAddress(name);
        sys('bind', fd, address, address.length);
        return sys('listen', fd, 1);
      });
  },
};
