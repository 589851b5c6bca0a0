export default {
  title: 'connects with MPTCP, which Landlock takes for no TCP',
  category: 'network',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  absent: ['EPROTONOSUPPORT'],
  act: ({ attempt, sys, readFd, inetAddress, AF, SOCK, input }) =>
    attempt('IPPROTO_MPTCP', () => {
      const IPPROTO_MPTCP = 262;
      const fd = sys('socket', AF.INET, SOCK.STREAM, IPPROTO_MPTCP);
      const address = inetAddress(input.tcp4);
      sys('connect', fd, address, address.length);
      sys('write', fd, Buffer.from(input.hello), input.hello.length);
      return readFd(fd);
    }),
};
