export default {
  title: 'connects by sending: sendto and sendmsg with MSG_FASTOPEN',
  category: 'network',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  act: async ({ attempt, sys, raw, readFd, iovec, u64, inetAddress, AF, SOCK, input }) => {
    const MSG_FASTOPEN = 0x20000000;
    const hello = Buffer.from(input.hello);
    const address = inetAddress(input.tcp4);
    await attempt('sendto', () => {
      const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
      sys('sendto', fd, hello, hello.length, MSG_FASTOPEN, address, address.length);
      return readFd(fd);
    });
    await attempt('sendmsg', () => {
      const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
      const parts = iovec(hello);
      const message = u64(raw().address(address), 16, raw().address(parts), 1, 0, 0, 0);
      sys('sendmsg', fd, message, MSG_FASTOPEN);
      return readFd(fd);
    });
  },
};
