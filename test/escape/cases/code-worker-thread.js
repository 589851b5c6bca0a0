export default {
  title: 'reads a file in a worker thread',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, coded, input }) =>
    attempt('worker', async () => {
      const { Worker } = await import('node:worker_threads');
      const text = `
        const { parentPort, workerData } = require('node:worker_threads');
        try { parentPort.postMessage({ text: require('node:fs').readFileSync(workerData, 'utf8') }); }
        catch ({ code }) { parentPort.postMessage({ code }); }`;
      const worker = new Worker(text, { eval: true, workerData: input.target });
      const answer = await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      if (answer.code) throw coded(answer.code, 'in the worker');
      return answer.text;
    }),
};
