export default {
  title: 'connects a socket a second time, after shutdown and after a refusal',
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
  act: ({ attempt, sys, raw, readFd, inetAddress, AF, SOCK, input }) =>
    attempt('again', () => {
      const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
      const nobody = inetAddress(1);
      raw().syscall(raw().SYS.connect, fd, nobody, 16);
      sys('connect', fd, inetAddress(input.tcp4), 16);
      sys('write', fd, Buffer.from(input.hello), input.hello.length);
      return readFd(fd);
    }),
};
