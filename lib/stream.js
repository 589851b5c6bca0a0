// SPDX-License-Identifier: MIT
// Where the chunks of a handler's result go: into a list, for run(), or to whoever iterates over what
// stream() returned.
import chunks from './guest/chunks.cjs';

/**
 * @typedef {object} Sink
 * @property {(chunk: any, cost: number, taken: (count: number) => void) => boolean} push false: there
 *   is no room for it, ever
 */

/** @implements {Sink} */
export class Collector {
  /** @type {unknown[]} */
  chunks = [];
  #bytes = 0;
  #limit;

  /** @param {number} limit bytes */
  constructor(limit) {
    this.#limit = limit;
  }

  /** @type {Sink['push']} */
  push(chunk, cost, taken) {
    this.#bytes += cost;
    if (this.#bytes > this.#limit) return false;
    this.chunks.push(chunk);
    taken(1);
    return true;
  }
}

/** What a run that failed throws into the loop over its chunks. */
export class SandboxStreamError extends Error {
  /** @param {import('./index.js').SandboxError} error */
  constructor(error) {
    super(error.message);
    this.name = 'SandboxStreamError';
    this.code = error.code;
    this.details = error.details;
  }
}

/**
 * What stream() returns.
 *
 * @param {any} ctx
 * @param {(sink: Sink, ctx: any) => Promise<import('./index.js').ExecutionResult<any>>} begin
 */
export function startStream(ctx, begin) {
  const controller = new AbortController();
  const outer = ctx?.signal;
  const onAbort = () => controller.abort(outer.reason);
  /** @type {(count: number) => void} */
  let taken = () => {};
  const stream = chunks.createChunks({
    taken: (count) => taken(count),
    leave: () =>
      controller.abort(new DOMException('Nobody reads the stream any more.', 'AbortError')),
  });
  /** @type {Sink} */
  const sink = {
    push(chunk, _cost, tell) {
      taken = tell;
      stream.push(chunk);
      return true;
    },
  };
  const watches = typeof outer?.addEventListener === 'function';
  if (watches && outer.aborted) onAbort();
  else if (watches) outer.addEventListener('abort', onAbort, { once: true });
  // What is no signal is for run() to complain about.
  const inner = outer === undefined || watches ? { ...ctx, signal: controller.signal } : ctx;
  const result = begin(sink, inner).then((ended) => {
    if (watches) outer.removeEventListener('abort', onAbort);
    if (ended.ok) stream.end();
    else stream.fail(new SandboxStreamError(ended.error));
    return ended;
  });
  const { iterable } = stream;
  return {
    result,
    next: () => iterable.next(),
    /** Ends the run, and waits until nothing of it is left. */
    async return() {
      const left = await iterable.return();
      await result;
      return left;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
