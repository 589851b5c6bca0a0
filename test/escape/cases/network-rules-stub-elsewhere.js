export default {
  title: 'sends elsewhere by the UDP socket that asks its stub resolver',
  category: 'network',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  // That it may connect there over TCP is of no use.
  config: (/** @type {any} */ world) => ({
    permissions: { network: { allow: [`127.0.0.1:${world.input.udp4}`, '*.example.com'] } },
  }),
  act: async ({ attempt, sys, raw, readFd, iovec, u64, inetAddress, AF, SOCK, input }) => {
    const hello = Buffer.from(input.hello);
    const [stub, address] = [inetAddress(53), inetAddress(input.udp4)];
    const socket = () => {
      const fd = sys('socket', AF.INET, SOCK.DGRAM, 0);
      sys('connect', fd, stub, stub.length);
      return fd;
    };
    const parts = iovec(hello);
    const message = u64(raw().address(address), 16, raw().address(parts), 1, 0, 0, 0);
    await attempt('sendto', () => {
      const fd = socket();
      sys('sendto', fd, hello, hello.length, 0, address, address.length);
      return readAny(fd);
    });
    await attempt('sendmsg', () => {
      const fd = socket();
      sys('sendmsg', fd, message, 0);
      return readAny(fd);
    });
    await attempt('sendmmsg', () => {
      const fd = socket();
      sys('sendmmsg', fd, Buffer.concat([message, Buffer.alloc(8)]), 1, 0);
      return readAny(fd);
    });
    await attempt('connect', () => {
      const fd = socket();
      sys('connect', fd, address, address.length);
      sys('write', fd, hello, hello.length);
      return readFd(fd);
    });
    await attempt('AF_UNSPEC', () => {
      const fd = socket();
      sys('connect', fd, Buffer.alloc(16), 16);
      sys('sendto', fd, hello, hello.length, 0, address, address.length);
      return readFd(fd);
    });
    /** A connected socket hears its peer alone: what has arrived is the proof. @param {number} fd */
    function readAny(fd) {
      sys('connect', fd, Buffer.alloc(16), 16);
      sys('sendto', fd, hello, hello.length, 0, address, address.length);
      return readFd(fd);
    }
  },
};
