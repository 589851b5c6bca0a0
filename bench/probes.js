// What a host measures beside time.
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  availableBytes,
  childrenOf,
  commandOf,
  descendantsOf,
  peakResident,
  proportional,
  treeBytes,
} from './tree.js';

/** @typedef {import('./subjects/common.js').Instance} Instance */

const MIB = 2 ** 20;
/** Heaps and pools of a host have their size after these. */
const WARM_RUNS = 2000;

/**
 * MiB that one more guest takes, host and helpers included.
 *
 * @param {Instance} instance
 * @param {() => Promise<void>} settle
 * @param {{ guests: number, kept: number, ms: number }} options `kept` for guests that cannot wait
 */
export async function memory(instance, settle, { guests, kept, ms }) {
  await settle();
  const before = treeBytes(process.pid);
  if (instance.keep) {
    const release = await instance.keep(kept);
    await settle();
    const after = treeBytes(process.pid);
    release();
    return (after - before) / kept / MIB;
  }
  // On a slow machine the first may be over before the last has begun: then again, for longer.
  for (let wait = ms; wait <= 8 * ms; wait *= 2) {
    const held = Promise.all(
      Array.from({ length: guests }, () => instance.run('hold', { ms: wait })),
    );
    await sleep(wait * 0.8);
    const from = Date.now();
    const after = treeBytes(process.pid);
    const to = Date.now();
    const times = await held;
    if (times.every((time) => time.from < from - wait / 20 && time.to > to))
      return (after - before) / guests / MIB;
  }
  throw new Error('its guests were never there all at once');
}

/**
 * What many runs leave behind.
 *
 * @param {Instance} instance
 * @param {() => Promise<void>} settle
 * @param {{ runs: number, ms: number, points: number }} options it stops after `runs` or `ms`
 */
export async function growth(instance, settle, { runs, ms, points }) {
  /** @param {number} count @param {number} end */
  const many = async (count, end) => {
    let done = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (done < count && performance.now() < end) {
          done++;
          await instance.run('echo', 1);
        }
      }),
    );
    return done;
  };
  const look = async (/** @type {number} */ done) => {
    await settle();
    const [helper] = childrenOf(process.pid);
    return {
      runs: done,
      hostMb: process.memoryUsage.rss() / MIB,
      helpersMb: descendantsOf(process.pid).reduce((sum, pid) => sum + proportional(pid), 0) / MIB,
      helperPeakMb: helper === undefined ? 0 : peakResident(helper) / MIB,
      descriptors: fs.readdirSync('/proc/self/fd').length,
      processes: descendantsOf(process.pid).length,
    };
  };
  const began = performance.now();
  const warm = 0.4 * ms;
  await many(WARM_RUNS, began + warm);
  const seen = [await look(0)];
  let done = 0;
  for (let point = 1; point <= points && done < runs; point++) {
    done += await many(runs / points, began + warm + ((ms - warm) * point) / points);
    seen.push(await look(done));
  }
  return seen;
}

/**
 * One more run, and the memory of each, while ever more guests are alive.
 *
 * @param {Instance} instance
 * @param {{ levels: number[], ms: number }} options
 */
export async function scale(instance, { levels, ms }) {
  const { hold } = instance;
  if (!hold) throw new Error('its runs cannot be held');
  const end = performance.now() + ms;
  const before = treeBytes(process.pid);
  // What others on the machine need stays free.
  const least = availableBytes() / 4;
  /** @type {{ end: () => Promise<void> }[]} */
  const guests = [];
  const seen = [];
  /** @type {string | undefined} */
  let stopped;
  let begun = 0;
  /** @param {number} level */
  const fill = (level) =>
    Promise.all(
      Array.from({ length: 8 }, async () => {
        while (begun < level && !stopped) {
          if (performance.now() > end) stopped ??= 'no time left';
          else if (availableBytes() < least) stopped ??= 'memory ran low';
          else {
            begun++;
            guests.push(await hold('hold'));
          }
        }
      }),
    );
  try {
    for (const level of levels) {
      await fill(level);
      if (stopped) break;
      const numbers = [];
      for (let i = 0; i < 5; i++) {
        const began = performance.now();
        await instance.run('echo', 1);
        numbers.push(performance.now() - began);
      }
      const bytes = treeBytes(process.pid) - before;
      seen.push({ guests: guests.length, numbers, mbPerGuest: bytes / guests.length / MIB });
    }
  } catch (error) {
    stopped = /** @type {Error} */ (error).message;
  }
  const alive = guests.length;
  await Promise.allSettled(guests.map((guest) => guest.end()));
  const left = descendantsOf(process.pid).filter((pid) => commandOf(pid).includes('hold'));
  return {
    seen,
    ...(stopped && { stopped: `${stopped}, with ${alive} alive` }),
    left: left.length,
  };
}
