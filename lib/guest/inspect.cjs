'use strict';
// The guest's side of a debugger, in the main thread. It has no network, and needs none: a worker
// (inspect-worker.cjs) holds the sessions, and passes on what the host sends over a socket. The
// main thread stands still at a breakpoint while the worker runs.

const path = require('node:path');

/**
 * Starts the worker, and waits until a debugger lets the program run.
 *
 * @param {string} file of the handler, absolute
 * @returns {Promise<() => void>} to be called before the process is left
 */
async function waitForDebugger(file) {
  const { Worker } = require('node:worker_threads');
  const { pathToFileURL } = require('node:url');
  const { realpathSync } = require('node:fs');
  const worker = new Worker(path.join(__dirname, 'inspect-worker.cjs'), {
    // What the loaders call the module.
    workerData: { breakAt: pathToFileURL(realpathSync(file)).href },
    env: {},
    execArgv: [],
    name: 'inspector',
  });
  const post = worker.postMessage.bind(worker);
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  worker.removeAllListeners('error');
  worker.on('error', () => {}); // The debugger is gone; the run is not.
  worker.unref();
  // Node.js does not end a process while a session is open.
  const leave = () => post('end');
  process.once('exit', leave);
  return leave;
}

module.exports = { waitForDebugger };
