// SPDX-License-Identifier: MIT
// Whether this process nears a limit of its own, beyond which runs can be started no more.
import { readdirSync, readFileSync } from 'node:fs';
import { steady } from './trace.js';

/** From here on somebody is told. */
const NEAR = 0.8;
/** Looking costs some 0.1 ms for each hundred descriptors. */
const EVERY_MS = 1000;

/** @returns {number} Infinity where it is not known, or there is none */
function softLimit() {
  try {
    const [, soft] =
      /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}

export class Watch {
  #at = -Infinity;

  /** @returns {{ count: number, limit: number } | undefined} descriptors that are open, when that is near the limit */
  descriptors() {
    const now = steady();
    if (now - this.#at < EVERY_MS) return undefined;
    this.#at = now;
    const limit = softLimit();
    if (limit === Infinity) return undefined;
    try {
      const count = readdirSync('/proc/self/fd').length - 1;
      return count >= limit * NEAR ? { count, limit } : undefined;
    } catch {
      return undefined;
    }
  }
}
