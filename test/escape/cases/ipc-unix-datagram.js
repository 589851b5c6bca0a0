export default {
  title: "sends a datagram to the host's unix sockets, by path and abstract",
  category: 'ipc',
  guards: ['seccomp', 'namespaces'],
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  setup: ({ raw, at, host, defer }) => {
    const [AF_UNIX, SOCK_DGRAM_CLOEXEC] = [1, 2 | 0o2000000];
    const bind = (/** @type {string} */ name) => {
      const fd = raw.syscall(raw.SYS.socket, AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
      const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(name)]);
      if (raw.syscall(raw.SYS.bind, fd, address, address.length) < 0) throw new Error('bind');
      defer(() => host.fs.closeSync(fd));
    };
    const abstract = `@${at('datagram')}`;
    bind(`\0${abstract.slice(1)}`);
    bind(at('outside', 'd'));
    host.fs.chmodSync(at('outside', 'd'), 0o777);
    return { receivers: [abstract, at('outside', 'd')] };
  },
  act: async ({ attempt, sys, unixAddress, AF, SOCK, input }) => {
    for (const receiver of input.receivers)
      await attempt('sendto', () => {
        const fd = sys('socket', AF.UNIX, SOCK.DGRAM, 0);
        const address = unixAddress(receiver);
        return sys('sendto', fd, Buffer.from('x'), 1, 0, address, address.length);
      });
  },
};
