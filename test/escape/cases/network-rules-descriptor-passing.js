export default {
  title: 'sends itself a socket over a pair, and connects what arrives',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  act: ({ attempt, sys, raw, readFd, iovec, inetAddress, u64, u32, AF, SOCK, input }) =>
    attempt('SCM_RIGHTS', () => {
      const [SOL_SOCKET, SCM_RIGHTS] = [1, 1];
      const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
      const pair = Buffer.alloc(8);
      sys('socketpair', AF.UNIX, SOCK.STREAM, 0, pair);
      const byte = Buffer.from('x');
      const parts = iovec(byte);
      const control = Buffer.concat([u64(20), u32(SOL_SOCKET, SCM_RIGHTS, fd, 0)]);
      const message = u64(0, 0, raw().address(parts), 1, raw().address(control), control.length, 0);
      sys('sendmsg', pair.readInt32LE(0), message, 0);
      control.fill(0);
      sys('recvmsg', pair.readInt32LE(4), message, 0);
      const arrived = control.readInt32LE(16);
      sys('connect', arrived, inetAddress(input.tcp4), 16);
      sys('write', arrived, Buffer.from(input.hello), input.hello.length);
      return readFd(arrived);
    }),
};
