export default {
  title: 'connects to what it may, disconnects by AF_UNSPEC, and connects elsewhere',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: (/** @type {any} */ world) => ({
    permissions: { network: { allow: [`127.0.0.1:${world.extra.open}`] } },
  }),
  setup: async (/** @type {any} */ world) => {
    const { createServer } = await import('node:net');
    const server = createServer((socket) => socket.on('error', () => {}).resume());
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    world.defer(() => server.close());
    return { open: /** @type {import('node:net').AddressInfo} */ (server.address()).port };
  },
  act: ({ attempt, sys, readFd, inetAddress, AF, SOCK, input }) =>
    attempt('AF_UNSPEC', () => {
      const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
      sys('connect', fd, inetAddress(input.open), 16);
      sys('connect', fd, Buffer.alloc(16), 16);
      sys('connect', fd, inetAddress(input.tcp4), 16);
      sys('write', fd, Buffer.from(input.hello), input.hello.length);
      return readFd(fd);
    }),
};
