export default {
  title: 'resolves with the native part of node:dns, behind the one that asks the host',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'EAI_AGAIN', 'ENOTFOUND'],
  config: { permissions: { network: { allow: ['localhost'] } } },
  act: ({ attempt, sys, readFd, coded, inetAddress, AF, SOCK, input }) =>
    attempt('getaddrinfo', async () => {
      const { Worker } = await import('node:worker_threads');
      // Without the options that its parent has.
      const text = `
        const { parentPort } = require('node:worker_threads');
        require('node:dns').lookup('localhost', 4, (error, address) =>
          parentPort.postMessage(error ? error.code : address));`;
      const worker = new Worker(text, { eval: true, execArgv: [] });
      const address = await new Promise((resolve) => worker.once('message', resolve));
      if (address !== '127.0.0.1') throw coded(address, 'lookup');
      const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
      sys('connect', fd, inetAddress(input.tcp4), 16);
      sys('write', fd, Buffer.from(input.hello), input.hello.length);
      return readFd(fd);
    }),
};
