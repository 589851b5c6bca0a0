export default {
  title: 'changes the address while the broker looks at it, from another thread',
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
  act: ({ attempt, sys, raw, readFd, inetAddress, coded, input, path, AF, SOCK }) =>
    attempt('race', async () => {
      const { Worker } = await import('node:worker_threads');
      const [PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS] = [3, 0x22];
      const at = sys('mmap', null, 4096, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
      const [good, bad] = [inetAddress(input.open), inetAddress(input.tcp4)];
      raw().poke(at, good, good.length);
      const text = `
        const { parentPort, workerData } = require('node:worker_threads');
        const raw = require(workerData.addon);
        parentPort.postMessage('ready');
        for (let i = 0; Atomics.load(workerData.stop, 0) === 0; i++)
          raw.poke(workerData.at, i % 2 ? workerData.good : workerData.bad, 16);`;
      const stop = new Int32Array(new SharedArrayBuffer(4));
      const addon = path.join(input.package, 'raw.node');
      const worker = new Worker(text, { eval: true, workerData: { addon, at, good, bad, stop } });
      await new Promise((resolve) => worker.once('message', resolve));
      try {
        for (let i = 0; i < 1500; i++) {
          const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
          const peer = Buffer.alloc(16);
          const rc = raw().syscall(raw().SYS.connect, fd, at, 16);
          if (rc === 0) sys('getpeername', fd, peer, Buffer.from([16, 0, 0, 0]));
          if (rc === 0 && peer.readUInt16BE(2) === input.tcp4) {
            sys('write', fd, Buffer.from(input.hello), input.hello.length);
            return readFd(fd);
          }
          sys('close', fd);
        }
      } finally {
        Atomics.store(stop, 0, 1);
        await worker.terminate();
      }
      throw coded('EACCES', 'connect');
    }),
};
