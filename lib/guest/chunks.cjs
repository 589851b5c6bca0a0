'use strict';
// A stream that comes in chunks, for somebody to iterate over: what has come and was not taken waits
// here, and how much that may be is known to who sends. Host and guest load it.

const { WINDOW } = require('./kinds.cjs');

/**
 * @param {object} options
 * @param {(count: number) => void} options.taken so many chunks have been taken since
 * @param {() => void} options.leave whoever iterated has stopped before the end
 */
function createChunks({ taken, leave }) {
  /** @type {unknown[]} */
  let queue = [];
  let first = 0;
  /** @type {{ resolve: (result: any) => void, reject: (error: unknown) => void }[]} */
  const takers = [];
  let untold = 0;
  let over = false;
  /** @type {{ error: unknown } | undefined} */
  let failed;

  function count() {
    if (++untold < WINDOW / 2 || over) return;
    const told = untold;
    untold = 0;
    taken(told);
  }

  function settle() {
    while (takers.length > 0) {
      const taker = /** @type {any} */ (takers.shift());
      if (failed) taker.reject(failed.error);
      else taker.resolve({ done: true, value: undefined });
      failed = undefined;
    }
  }

  const iterator = {
    /** @returns {Promise<{ done: boolean, value: any }>} */
    next() {
      if (first < queue.length) {
        const value = queue[first];
        queue[first++] = undefined;
        if (first === queue.length) {
          queue = [];
          first = 0;
        }
        count();
        return Promise.resolve({ done: false, value });
      }
      return new Promise((resolve, reject) => {
        takers.push({ resolve, reject });
        if (over) settle();
      });
    },
    /** @param {unknown} [value] */
    async return(value) {
      if (!over) {
        over = true;
        leave();
      }
      queue = [];
      first = 0;
      failed = undefined;
      settle();
      return { done: true, value };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };

  return {
    iterable: iterator,
    /** @param {unknown} chunk */
    push(chunk) {
      if (over) return;
      const taker = takers.shift();
      if (taker === undefined) {
        queue.push(chunk);
        return;
      }
      count();
      taker.resolve({ done: false, value: chunk });
    },
    end() {
      over = true;
      if (first === queue.length) settle();
    },
    /** @param {unknown} error that whoever iterates meets behind what has come */
    fail(error) {
      if (over) return;
      over = true;
      failed = { error };
      settle();
    },
  };
}

module.exports = { createChunks };
