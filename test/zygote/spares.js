// What the tests of guests forked ahead share.
import fs from 'node:fs';
import { handler, isAlive, project } from '../run/helper.js';
import { forking, parentOf, zygotes } from './helper.js';

export const ref = { file: 'handler.mjs', export: 'handle' };
export const ownPid = handler(`
  const { readFileSync } = await import('node:fs');
  return Number(readFileSync('/proc/self/stat', 'latin1').split(' ')[0]);`);

/** @param {any} t @param {string} body @param {any} [execution] */
export function setUp(t, body, execution) {
  const runner = forking(t, { execution });
  const ctx = { requestId: 'r', workdir: project(t, body) };
  return { runner, run: (/** @type {any} */ input) => runner.run(ref, input, ctx) };
}

/** The children of the zygotes: with no run going on, its spares. */
export function children() {
  const parents = zygotes().map(Number);
  return fs.readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && isAlive(pid) && parents.includes(parentOf(pid));
    } catch {
      return false; // It ended in between.
    }
  });
}

/** What a process is called in its own PID namespace. @param {string} pid */
export function innerPid(pid) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^NSpid:.*?(\d+)$/m.exec(status)?.[1]);
}

/**
 * The spares, once there are as many. On a slow machine the time after which they are let go may be
 * over before they are all there: then it takes another run.
 *
 * @param {any} t @param {() => Promise<any>} run @param {number} count
 */
export async function spares(t, run, count) {
  for (;;) {
    t.match(await run(), { ok: true });
    for (let i = 0; i < 200; i++) {
      const pids = children();
      if (pids.length === count) return pids;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
