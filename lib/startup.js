// SPDX-License-Identifier: MIT
// How a guest comes to be: executed anew ('spawn'), or forked from a zygote ('fork').
import { fileURLToPath } from 'node:url';

/**
 * Helper threads would not come along over fork(2): what a forked guest misses is work in parallel. (There is
 * one all the same, which shows where its queue is: src/zygote/drain.c.)
 * V8 would leave the compiling of WebAssembly to one all the same. What the zygote has compiled is to
 * stay so when it collects its garbage. A guest that waits for some seconds would collect garbage to give
 * memory back, and write to pages it shares: it would have 2.6 MB more of its own.
 * A young generation that is small at first would be copied over and over until it has grown, on the one
 * thread that there is.
 */
const ZYGOTE_FLAGS = [
  '--single-threaded',
  '--v8-pool-size=1',
  '--no-wasm-async-compilation',
  '--no-flush-bytecode',
  '--no-memory-reducer',
  '--min-semi-space-size=8',
  '--use-largepages=on',
];
const program = fileURLToPath(new URL('./guest/zygote.cjs', import.meta.url));

/** In a policy: as many guests are forked ahead of demand as it takes. */
export const SPARES_AUTO = 2 ** 32 - 1;

/** What a guest is asked to do that is forked to see whether it can be: to say what was preloaded. */
export const NOTHING = {
  file: './loaded.cjs',
  export: 'handle',
  ctx: { requestId: 'fork' },
  capabilities: [],
  env: {},
  serialization: 'json',
  maxResultBytes: 2 * 2 ** 20,
  traces: false,
  traceId: null,
  spanId: null,
};

/**
 * The command line of a zygote.
 *
 * @param {string} execPath of Node.js
 * @param {string} zygote the path of its module
 * @param {string[]} flags of Node.js
 */
export function zygoteArgv(execPath, zygote, flags) {
  return [execPath, ...ZYGOTE_FLAGS, ...flags, program, zygote];
}

/**
 * Whether a Node.js can be forked, by its path, version and the zygote's module: `undefined` until it
 * was tried.
 *
 * @type {Map<string, { works: boolean, why: string }>}
 */
const verdicts = new Map();

/** @param {string} zygote the path of its module */
const keyOf = (zygote) => `${process.execPath} ${process.version} ${zygote}`;

/** @param {string} zygote @param {boolean} works @param {string} [why] it does not */
export function noteForks(zygote, works, why = '') {
  // What failed once is not to be relied on, whatever another runner saw.
  const before = verdicts.get(keyOf(zygote));
  if (before === undefined || (before.works && !works)) verdicts.set(keyOf(zygote), { works, why });
}

/** @param {string} zygote */
export function canFork(zygote) {
  return verdicts.get(keyOf(zygote))?.works;
}

/**
 * Why a guest that was forked on trial did not answer; `undefined` when it did.
 *
 * @param {any} outcome
 */
export function trialFailure({ kind, reason, stage, message, exitCode, signal, result, error }) {
  if (kind === 'setup') return `${message} (${stage})`;
  if (kind === 'launcher-lost') return 'its launcher ended';
  if (reason === 'kill') return 'it did not answer in time';
  if (reason !== 'none') return `it was ended by its supervisor (${reason})`;
  if (result !== null) return undefined;
  if (error) return `it answered with an error: ${String(error).slice(0, 200)}`;
  return signal ? `it was ended by ${signal}` : `it ended with exit code ${exitCode}`;
}

/**
 * @typedef {object} Guards
 * @property {boolean} filtered there is a system call filter
 * @property {boolean} complete there are namespaces and Landlock too
 * @property {boolean} brokered a forked guest's connections can be made for it, if any are judged
 */

/**
 * What a configuration asks for. A forked guest is one process, which the system call filter keeps
 * alone: nothing has to be looked for when it ends. One that may start others is executed under an
 * init of its own.
 *
 * @param {Readonly<import('./config.js').Config>} config
 * @param {Guards} guards
 * @returns {{ startup: 'auto' | 'spawn' | 'fork', why: string }}
 */
export function chooseStartup({ startup, permissions, execution }, guards) {
  const why = whySpawned(permissions.capabilities, execution.preload, guards);
  return why === undefined
    ? { startup, why: `startup is '${startup}'` }
    : { startup: 'spawn', why };
}

/**
 * @param {readonly string[]} capabilities
 * @param {readonly string[]} preload
 * @param {Guards} guards
 */
function whySpawned(capabilities, preload, { filtered, complete, brokered }) {
  if (!filtered) return 'a forked guest needs the system call filter';
  if (capabilities.includes('process:spawn'))
    return "with 'process:spawn' a guest is more than one process";
  if (preload.length > 0 && !complete)
    return 'execution.preload needs namespaces and Landlock, which confine what is preloaded';
  if (!brokered)
    return (
      'connections of forked guests cannot be judged here: pidfd_getfd(2) is refused, and without ' +
      'Landlock nothing else may open a guest to its broker'
    );
  return undefined;
}

/**
 * Which start-up the next run has, as far as it is known, and why.
 *
 * @param {{ startup: 'auto' | 'spawn' | 'fork', why: string }} asked
 * @param {string} zygote the path of its module
 * @param {string} [trouble] of this runner
 * @returns {{ startup: 'spawn' | 'fork', startupReason: string }}
 */
export function explainStartup({ startup, why }, zygote, trouble) {
  if (startup !== 'auto') return { startup, startupReason: trouble ? `${why}; ${trouble}` : why };
  if (trouble) return { startup: 'spawn', startupReason: trouble };
  const verdict = verdicts.get(keyOf(zygote));
  if (verdict?.works)
    return { startup: 'fork', startupReason: 'a fork of this Node.js was tried, and works' };
  return {
    startup: 'spawn',
    startupReason: verdict
      ? `a fork of this Node.js was tried, and failed: ${verdict.why}`
      : 'a fork of this Node.js has not been tried yet: that comes behind the first run',
  };
}
