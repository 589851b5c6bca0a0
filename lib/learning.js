// SPDX-License-Identifier: MIT
// What `startup: 'auto'` learns of handlers: those that compute for long are better off spawned.

/** Of the newest run in the mean. */
const WEIGHT = 0.3;
/**
 * Milliseconds of CPU. A forked guest has no helper threads: what compiles and collects garbage all the
 * time takes up to 1.45 times as long there, with a processor to spare; other handlers lose nothing. A
 * start costs some 30 ms more when it is spawned. Below a second the one may be less than the other.
 */
const LONG_MS = 1000;
/** It is no longer long below this, so that what is near the limit does not go back and forth. */
const SHORT_MS = 700;
const MAX_HANDLERS = 1000;

export class CpuHistory {
  /** Least recently run first. @type {Map<string, { meanMs: number, long: boolean }>} */
  #known = new Map();

  /** @param {string} handler @param {number} cpuMs of one run */
  note(handler, cpuMs) {
    const before = this.#known.get(handler);
    const meanMs = before ? before.meanMs + (cpuMs - before.meanMs) * WEIGHT : cpuMs;
    this.#known.delete(handler);
    this.#known.set(handler, { meanMs, long: meanMs > (before?.long ? SHORT_MS : LONG_MS) });
    if (this.#known.size > MAX_HANDLERS) {
      const [oldest] = this.#known.keys();
      this.#known.delete(oldest);
    }
  }

  /** Whether it is to be spawned. @param {string} handler */
  isLong(handler) {
    return this.#known.get(handler)?.long === true;
  }

  get size() {
    return this.#known.size;
  }
}
