'use strict';
// The ways out that leave no result: each tells the host of itself once, in a NOTICE frame, before
// the process is gone.

const { TYPE, sendText, stringify } = require('./frames.cjs');

const { apply } = Reflect;

// Signals whose default action does not end a Node.js process. (It ignores SIGPIPE and SIGXFSZ, and
// starts its inspector on SIGUSR1.)
const HARMLESS = [
  'SIGCHLD',
  'SIGCONT',
  'SIGPIPE',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGURG',
  'SIGUSR1',
  'SIGWINCH',
  'SIGXFSZ',
];

/**
 * @param {{ pid(): number, phase(): string, isOver(): boolean }} run what goes on, and whether it has a result
 */
function watchExits(run) {
  let told = false;
  let exiting = false;

  /** @param {string} kind @param {number | string} code */
  function tell(kind, code) {
    if (told || run.isOver()) return;
    told = true;
    sendText(TYPE.NOTICE, stringify({ kind, code, phase: run.phase() }));
  }

  /** @param {'exit' | 'reallyExit' | 'abort' | 'kill'} name @param {(args: any[]) => void} before */
  function wrap(name, before) {
    const host = /** @type {any} */ (process);
    const original = host[name];
    host[name] = (/** @type {any[]} */ ...args) => {
      before(args);
      try {
        return apply(original, process, args);
      } catch (error) {
        exiting = false; // A code that process.exit() does not take.
        throw error;
      }
    };
  }

  wrap('exit', () => {
    exiting = true;
  });
  // process.exit() calls it after the listeners for 'exit', so that they run first, as in Node.
  wrap('reallyExit', (args) => tell('exit', Number(args[0]) || 0));
  wrap('abort', () => tell('abort', 'SIGABRT'));
  wrap('kill', (args) => {
    const name = deadlySignal(run.pid(), args[0], args[1]);
    if (name !== undefined) tell('signal', name);
  });
  process.on('exit', (code) => {
    if (!exiting) tell('dry', code);
  });
}

/**
 * The name of the signal that process.kill() with these arguments ends this process by.
 * @param {number} pid @param {unknown} target @param {unknown} signal
 */
function deadlySignal(pid, target, signal = 'SIGTERM') {
  if (target !== pid && target !== 0 && target !== String(pid)) return undefined;
  const { signals } = require('node:os').constants;
  for (const [name, number] of Object.entries(signals)) {
    if (signal !== name && signal !== number) continue;
    const caught = name !== 'SIGKILL' && process.listenerCount(name) > 0;
    return caught || HARMLESS.includes(name) ? undefined : name;
  }
  return undefined;
}

module.exports = { watchExits };
