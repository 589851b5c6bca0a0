export default {
  title: 'connects by sending: TCP fast open needs no connect',
  category: 'network',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  act: ({ attempt, sys, readFd, inetAddress, AF, SOCK, input }) =>
    attempt('MSG_FASTOPEN', () => {
      const MSG_FASTOPEN = 0x20000000;
      const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
      const address = inetAddress(input.tcp4);
      const hello = Buffer.from(input.hello);
      sys('sendto', fd, hello, hello.length, MSG_FASTOPEN, address, address.length);
      return readFd(fd);
    }),
};
