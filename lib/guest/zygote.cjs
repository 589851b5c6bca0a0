'use strict';
// The program of a zygote: `node <flags> lib/guest/zygote.cjs <zygote.node>`. Loads what every guest
// needs, and forks one for each run: serve() blocks here and returns in each guest. No foreign code
// runs before that, but for what execution.preload names; by then the process is confined.

const { setFlagsFromString } = require('node:v8');
// What is called from here on is to find what it learned of objects in each guest, however seldom it is
// called; by default V8 waits until that pays.
setFlagsFromString('--no-lazy-feedback-allocation');

const { prepare, run } = require('./bootstrap.cjs');
const { replaceClocks } = require('./clock.cjs');
const { restartClock } = require('./frames.cjs');
const { createRandom } = require('./random.cjs');
const { rehearse, rehearsePieces } = require('./rehearse.cjs');
// For guests that speak to the host.
require('./host.cjs');
require('./inbox.cjs');
// For those that fail, or log an error.
require('./plain.cjs');
require('node:net');
// What many handlers begin with.
require('node:crypto').randomFillSync(new Uint32Array(4));
// For those whose connections go by rules.
if (process.execArgv.includes('--require')) require('./lookup.cjs');

const { defineProperty } = Object;
const host = /** @type {any} */ (process);
const [, , moduleFile, root, ...preloads] = process.argv;
const native = require(moduleFile);

const restartClocks = replaceClocks();
const { random, seed } = createRandom(native.fillRandom);

/**
 * What the runtime took note of when the zygote started is not so in a guest.
 * @param {number} pid
 */
function become(pid) {
  seed();
  defineProperty(process, 'pid', { configurable: true, enumerable: true, value: pid });
}

/** Nor are its clocks, which begin with the run, and the directory. */
function begin() {
  restartClock();
  restartClocks();
  process.chdir('.'); // It has been changed behind the back of a cache.
}

/** Ways out of the process that would wait for threads of the zygote, which a guest does not have. */
function endLikeAFork() {
  host.reallyExit = (/** @type {unknown} */ code) => native.exit(Number(code) || 0);
  process.on('exit', (code) => native.exitWith(code));
  const { _fatalException: handle } = host;
  host._fatalException = (/** @type {any} */ error, /** @type {boolean} */ fromPromise) => {
    const handled = handle(error, fromPromise);
    if (!handled) {
      host._rawDebug(error?.stack ?? error);
      native.exit(Number(process.exitCode) || 1);
    }
    return handled;
  };
}

/** What is garbage now would be copied by every guest that collects it. */
function collectGarbage() {
  setFlagsFromString('--expose-gc');
  const gc = require('node:vm').runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  gc();
  gc();
  // It counts nothing, but has to look at the whole heap, so that nothing of it is left to be swept.
  const { emitWarning } = process;
  process.emitWarning = () => {}; // That it is experimental.
  /** @type {any} */ (require('node:v8')).queryObjects?.(class {}, { format: 'count' });
  process.emitWarning = emitWarning;
}

async function start() {
  Math.random = random;
  endLikeAFork();
  prepare();
  await rehearse(native, run, 10);
  rehearsePieces();
  if (preloads.length > 0) await require('./loaded.cjs').preload(native, root, preloads);
  become(process.pid);
  begin();
  collectGarbage();
  native.forgetCode();
  await rehearse(native, run, 1);
  become(process.pid);
  begin();
  setFlagsFromString('--lazy-feedback-allocation'); // A handler is as V8 would have it.
  // Nothing is to be done by a guest that was put off here.
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  const pid = native.serve();
  become(pid || process.pid);
  if (pid === 0) {
    begin();
    await rehearse(native, run, 1);
    native.study();
  }
  native.awaitRun();
  begin();
  await run(native.exit, true);
}

start();
