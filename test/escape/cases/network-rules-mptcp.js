export default {
  title: 'connects with MPTCP, which the broker does not know',
  category: 'network',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  absent: ['EPROTONOSUPPORT'],
  act: ({ attempt, sys, readFd, inetAddress, AF, SOCK, input }) =>
    attempt('IPPROTO_MPTCP', () => {
      const IPPROTO_MPTCP = 262;
      const fd = sys('socket', AF.INET, SOCK.STREAM, IPPROTO_MPTCP);
      sys('connect', fd, inetAddress(input.tcp4), 16);
      sys('write', fd, Buffer.from(input.hello), input.hello.length);
      return readFd(fd);
    }),
};
