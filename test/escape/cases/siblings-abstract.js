export default {
  title: 'talks with another run over an abstract unix socket',
  category: 'siblings',
  guards: ['landlock', 'seccomp'],
  deny: ['EACCES', 'EPERM'],
  proof: 'call',
  beside: async ({ fs, raw, unixAddress, AF, SOCK, input }) => {
    process.title = `${input.dir}#beside`;
    const { SYS, syscall } = raw();
    const fd = syscall(SYS.socket, AF.UNIX, SOCK.STREAM, 0);
    const address = unixAddress(`@${input.dir}`);
    syscall(SYS.bind, fd, address, address.length);
    syscall(SYS.listen, fd, 1);
    fs.writeFileSync(`${input.out}/ready`, 'ready');
    await new Promise((resolve) => setTimeout(resolve, 10_000));
  },
  act: ({ attempt, sys, unixAddress, AF, SOCK, input }) =>
    attempt('connect', () => {
      const fd = sys('socket', AF.UNIX, SOCK.STREAM, 0);
      const address = unixAddress(`@${input.dir}`);
      return sys('connect', fd, address, address.length);
    }),
};
