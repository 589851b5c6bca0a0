// A new Worker per run.
import { Worker } from 'node:worker_threads';
import { guestFile } from './common.js';

/** @returns {import('./common.js').Instance} */
export function open() {
  const start = (/** @type {string} */ handler, /** @type {any} */ input, stdout = false) =>
    new Worker(guestFile('worker'), { workerData: { handler, input }, env: {}, stdout });
  return {
    run: (handler, input) =>
      new Promise((resolve, reject) => {
        const worker = start(handler, input);
        worker.once('error', reject).on('message', (message) => {
          if (message === 'up') return;
          if (message.call !== undefined) {
            worker.postMessage(message.call);
            return;
          }
          resolve(message.result);
          void worker.terminate();
        });
      }),
    hold: (handler) =>
      new Promise((resolve, reject) => {
        const worker = start(handler, { ms: 600_000 });
        const end = async () => void (await worker.terminate());
        worker.once('error', reject).once('message', () => resolve({ end }));
      }),
    print: (lines, length) =>
      new Promise((resolve, reject) => {
        let bytes = 0;
        const worker = start('print', { lines, length }, true);
        worker.stdout.on('data', (chunk) => (bytes += chunk.length));
        worker.stdout.once('end', () => resolve(bytes));
        worker.once('error', reject);
      }),
  };
}
