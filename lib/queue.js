// SPDX-License-Identifier: MIT
// Who may run now, and who waits: first in, first out.

/** Why a place was not given. @typedef {'full' | 'timeout' | 'aborted' | 'closed'} Refusal */

export class Queue {
  #running = 0;
  /** In the order of their coming. @type {Set<{ admit: () => void, refuse: (why: Refusal) => void }>} */
  #waiting = new Set();
  #concurrency;
  #maxWaiting;
  #timeoutMs;

  /**
   * @param {number} concurrency places
   * @param {number} maxWaiting how many may wait for one
   * @param {number} [timeoutMs] how long; without end when left out
   */
  constructor(concurrency, maxWaiting, timeoutMs) {
    this.#concurrency = concurrency;
    this.#maxWaiting = maxWaiting;
    this.#timeoutMs = timeoutMs;
  }

  /** Takes a place if one is free. */
  tryEnter() {
    if (this.#running >= this.#concurrency) return false;
    this.#running++;
    return true;
  }

  /**
   * Waits for a place.
   *
   * @param {AbortSignal} [signal] ends the wait
   * @returns {Promise<Refusal | undefined>} undefined: it has a place and must release() it
   */
  enter(signal) {
    if (this.tryEnter()) return Promise.resolve(undefined);
    if (this.#waiting.size >= this.#maxWaiting) return Promise.resolve('full');
    return new Promise((resolve) => {
      /** @type {NodeJS.Timeout | undefined} */
      let timer;
      const leave = (/** @type {Refusal | undefined} */ why) => {
        this.#waiting.delete(waiter);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        resolve(why);
      };
      const onAbort = () => leave('aborted');
      const waiter = { admit: () => leave(undefined), refuse: leave };
      this.#waiting.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
      if (this.#timeoutMs !== undefined) timer = setTimeout(leave, this.#timeoutMs, 'timeout');
    });
  }

  /** How many wait. */
  get waiting() {
    return this.#waiting.size;
  }

  /** How many have a place. */
  get running() {
    return this.#running;
  }

  /** Gives a place back; the one that waits longest gets it. */
  release() {
    const [next] = this.#waiting;
    if (next) next.admit();
    else this.#running--;
  }

  /** Sends away everybody who waits. */
  close() {
    for (const waiter of [...this.#waiting]) waiter.refuse('closed');
  }
}
