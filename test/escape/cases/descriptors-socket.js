export default {
  title: 'uses a connected socket that the host had open without O_CLOEXEC',
  category: 'descriptors',
  guards: ['descriptors'],
  deny: ['ERR_NOTHING'],
  setup: ({ raw, host, defer }) => {
    const [AF_INET, SOCK_STREAM] = [2, 1];
    const fd = raw.syscall(raw.SYS.socket, AF_INET, SOCK_STREAM, 0);
    const address = Buffer.alloc(16);
    address.writeUInt16LE(AF_INET, 0);
    address.writeUInt16BE(host.servers.input.tcp4, 2);
    address.set([127, 0, 0, 1], 4);
    if (raw.syscall(raw.SYS.connect, fd, address, 16) < 0) throw new Error('connect');
    defer(() => host.fs.closeSync(fd));
    return { leaks: [fd] };
  },
  act: ({ attempt, sys, readFd, coded, input }) =>
    attempt('write', () => {
      for (let fd = 3; fd < 256; fd++) {
        const [SO_PROTOCOL, SOL_SOCKET, IPPROTO_TCP] = [38, 1, 6];
        const protocol = Buffer.alloc(4);
        try {
          sys('getsockopt', fd, SOL_SOCKET, SO_PROTOCOL, protocol, Buffer.from([4, 0, 0, 0]));
        } catch {
          continue;
        }
        if (protocol.readInt32LE(0) !== IPPROTO_TCP) continue;
        sys('write', fd, Buffer.from(input.hello), input.hello.length);
        return readFd(fd);
      }
      throw coded('ERR_NOTHING', 'none is open');
    }),
};
