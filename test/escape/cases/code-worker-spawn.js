export default {
  title: 'starts a program in a worker thread',
  category: 'code',
  guards: ['landlock', 'seccomp'],
  probe: true,
  act: ({ attempt, coded, input }) =>
    attempt('worker', async () => {
      const { Worker } = await import('node:worker_threads');
      const text = `
        const { parentPort, workerData } = require('node:worker_threads');
        const { error, stdout } =
          require('node:child_process').spawnSync(workerData[0], ['read', workerData[1]]);
        parentPort.postMessage({ code: error?.code, text: String(stdout) });`;
      const workerData = [`${input.package}/probe`, input.target];
      const worker = new Worker(text, { eval: true, workerData, env: {}, execArgv: [] });
      const answer = await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      if (answer.code) throw coded(answer.code, 'in the worker');
      return answer.text;
    }),
};
