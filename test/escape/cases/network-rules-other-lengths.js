export default {
  title: 'connects with addresses of odd lengths and ports of 0',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  proof: 'harm',
  act: async ({ attempt, sys, inetAddress, readFd, AF, SOCK, input }) => {
    const go = (/** @type {number} */ length) => {
      const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
      const address = Buffer.alloc(256);
      inetAddress(input.tcp4).copy(address);
      sys('connect', fd, address, length);
      sys('write', fd, Buffer.from(input.hello), input.hello.length);
      return readFd(fd);
    };
    for (const length of [16, 17, 28, 128]) await attempt(`${length} bytes`, () => go(length));
  },
};
