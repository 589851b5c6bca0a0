// The first module of a new Worker.
'use strict';

const { parentPort, workerData } = require('node:worker_threads');

const { run } = require(`./${workerData.handler}.cjs`);
const call = (_name, value) =>
  new Promise((resolve) => {
    parentPort.once('message', resolve);
    parentPort.postMessage({ call: value });
  });
const ctx = { up: () => parentPort.postMessage('up'), host: { call } };
Promise.resolve(run(workerData.input, ctx)).then((result) => parentPort.postMessage({ result }));
