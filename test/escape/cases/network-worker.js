export default {
  title: 'connects in a worker thread',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  act: ({ attempt, coded, input }) =>
    attempt('worker', async () => {
      const { Worker } = await import('node:worker_threads');
      const text = `
        const { parentPort, workerData } = require('node:worker_threads');
        const socket = require('node:net').connect(workerData.port, '127.0.0.1');
        socket.on('connect', () => socket.write(workerData.hello));
        socket.on('data', (data) => parentPort.postMessage({ text: String(data) }));
        socket.on('error', ({ code }) => parentPort.postMessage({ code }));`;
      const workerData = { port: input.tcp4, hello: input.hello };
      const worker = new Worker(text, { eval: true, workerData });
      const answer = await new Promise((resolve) => worker.once('message', resolve));
      if (answer.code) throw coded(answer.code, 'in the worker');
      return answer.text;
    }),
};
