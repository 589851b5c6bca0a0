export default {
  title: "connects to the host's abstract unix socket",
  category: 'ipc',
  guards: ['seccomp', 'landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  act: ({ attempt, sys, readFd, unixAddress, AF, SOCK, input }) =>
    attempt('connect', async () => {
      const fd = sys('socket', AF.UNIX, SOCK.STREAM, 0);
      const address = unixAddress(input.abstract);
      sys('connect', fd, address, address.length);
      sys('write', fd, Buffer.from(input.hello), input.hello.length);
      return readFd(fd);
    }),
};
