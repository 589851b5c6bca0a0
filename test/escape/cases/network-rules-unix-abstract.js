export default {
  title: "connects to the host's abstract unix socket",
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  act: ({ attempt, sys, readFd, unixAddress, AF, SOCK, input }) =>
    attempt('connect', () => {
      const fd = sys('socket', AF.UNIX, SOCK.STREAM, 0);
      const address = unixAddress(input.abstract);
      sys('connect', fd, address, address.length);
      sys('write', fd, Buffer.from(input.hello), input.hello.length);
      return readFd(fd);
    }),
};
