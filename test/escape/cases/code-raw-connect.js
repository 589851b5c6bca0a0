export default {
  title: 'connects by the system calls, in an addon',
  category: 'code',
  guards: ['landlock', 'seccomp', 'namespaces'],
  act: ({ attempt, sys, readFd, AF, SOCK, inetAddress, input }) =>
    attempt('connect', () => {
      const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
      const address = inetAddress(input.tcp4);
      sys('connect', fd, address, address.length);
      sys('write', fd, Buffer.from(input.hello), input.hello.length);
      return readFd(fd);
    }),
};
