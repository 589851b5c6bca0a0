'use strict';
// The guest's half of what host and handler say to each other: ctx.host, ctx.progress, and the
// stream that a handler returns. In a process of its own it speaks over the data socket; in-process
// runs load it too, and hand its frames over.

const { HEADER, byteLength, now, parse, stringify } = require('./frames.cjs');
const { ChunkError, messageOf, bound } = require('./errors.cjs');
const { chargeOf } = require('./charge.cjs');
const { createChunks } = require('./chunks.cjs');
const {
  ANSWER,
  FORM,
  HEAD,
  LARGEST_UNDER_WAY,
  MAX_PROGRESS_TEXT,
  MESSAGE,
  WINDOW,
} = require('./kinds.cjs');
const { toText } = require('./text.cjs');

const { allocUnsafe } = Buffer;
const copy = Buffer.from;
const { isView } = ArrayBuffer;
const { setTimeout, clearTimeout } = globalThis;
/** @type {Record<string, ErrorConstructor>} */
const NAMED = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

/** Between two messages of the progress; the last one is always told. */
const PROGRESS_MS = 50;

/**
 * @typedef {object} Options
 * @property {readonly string[]} names of the functions that there are
 * @property {number} maxCalls that may be under way
 * @property {number} maxBytes of a message
 * @property {number} times values count (charge.cjs)
 * @property {(value: unknown) => string | undefined} encode
 * @property {(text: string) => any} decode of a text that is not empty
 * @property {(frame: Buffer) => void} send HEADER bytes in front of it are free
 * @property {() => void} hold an answer is waited for
 * @property {() => void} release it has come
 */

/**
 * @typedef {object} Call
 * @property {number} id 0 while it waits for its turn
 * @property {string} name
 * @property {Buffer} [frame] until it is sent
 * @property {number} size
 * @property {(value: any) => void} resolve
 * @property {(error: any) => void} reject
 * @property {ReturnType<typeof createChunks>} [chunks] what it answered with
 * @property {any} [signal]
 * @property {(() => void)} [onAbort]
 * @property {Promise<any>} [promise]
 * @property {boolean} left nobody waits for it any more
 */

/** @param {string} name @param {string} message @param {string | number} [code] */
function makeError(name, message, code) {
  const error = /** @type {any} */ (new (NAMED[name] ?? Error)(message));
  if (error.name !== name)
    Object.defineProperty(error, 'name', { configurable: true, writable: true, value: name });
  return code === undefined ? error : Object.assign(error, { code });
}

/** @param {any} value */
function isSignal(value) {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof value.aborted === 'boolean' &&
    typeof value.addEventListener === 'function'
  );
}

/**
 * Takes a signal off the arguments: the last one itself, or its property `signal`.
 * @param {any[]} args
 */
function takeSignal(args) {
  const last = args.at(-1);
  if (isSignal(last)) return args.pop();
  if (typeof last !== 'object' || last === null || !isSignal(last.signal)) return undefined;
  const { signal, ...rest } = last;
  if (Object.keys(rest).length === 0) args.pop();
  else args[args.length - 1] = rest;
  return signal;
}

/**
 * @param {number} kind @param {number} id @param {number} length of what is behind them
 */
function newFrame(kind, id, length) {
  const frame = allocUnsafe(HEADER + HEAD + length);
  frame[HEADER] = kind;
  frame.writeUInt32LE(id, HEADER + 1);
  return frame;
}

/** @param {number} kind @param {number} id @param {number} count */
function countFrame(kind, id, count) {
  const frame = newFrame(kind, id, 4);
  frame.writeUInt32LE(count, HEADER + HEAD);
  return frame;
}

/** @param {number} bytes @param {number} cost */
function sizeOf(bytes, cost) {
  if (bytes === cost) return `${bytes} bytes`;
  return `${bytes} bytes, which count as ${cost} with their lists, objects, names and commas`;
}

/** @param {Options} options */
function createClient(options) {
  const { maxCalls, maxBytes, times, encode, decode, send, hold, release } = options;
  /** @type {Map<number, Call>} */
  const calls = new Map();
  /** @type {Call[]} */
  let waiting = [];
  let lastId = 0;
  let underWay = 0;
  let lost = false;

  /** @param {string} name @param {unknown[]} args */
  function encodeCall(name, args) {
    const text = encode(args) ?? '';
    const bytes = byteLength(text);
    const cost = chargeOf(text, bytes, times);
    if (cost > maxBytes)
      throw makeError(
        'RangeError',
        `The arguments of host function '${name}' are ${sizeOf(bytes, cost)}; ` +
          `execution.maxMessageBytes is ${maxBytes}.`,
        'MESSAGE_TOO_LARGE',
      );
    const frame = newFrame(MESSAGE.CALL, 0, 1 + name.length + bytes);
    frame[HEADER + HEAD] = name.length;
    frame.write(name, HEADER + HEAD + 1, 'latin1');
    const at = HEADER + HEAD + 1 + name.length;
    frame.write(text, at, bytes === text.length ? 'latin1' : 'utf8');
    return { frame, size: 1 + name.length + cost };
  }

  /** @param {string} name @param {any[]} args @returns {Promise<any>} */
  function call(name, args) {
    /** @type {Call | undefined} */
    let it;
    const promise = new Promise((resolve, reject) => {
      if (typeof name !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(name))
        throw makeError('TypeError', 'The name of a host function must be given.');
      const signal = takeSignal(args);
      if (signal?.aborted) throw signal.reason;
      if (lost) throw gone();
      const { frame, size } = encodeCall(name, args);
      it = { id: 0, name, frame, size, resolve, reject, signal, left: false };
    });
    if (it !== undefined) begin(it, promise);
    else if (lost) promise.catch(() => {}); // See lose().
    return promise;
  }

  /** @param {Call} it @param {Promise<any>} promise */
  function begin(it, promise) {
    const { signal } = it;
    it.promise = promise;
    if (signal) {
      it.onAbort = () => abandon(it, signal.reason);
      signal.addEventListener('abort', it.onAbort, { once: true });
    }
    hold();
    if (waiting.length > 0 || !fits(it)) waiting.push(it);
    else start(it);
  }

  /** @param {Call} it */
  function fits(it) {
    return (
      calls.size < maxCalls &&
      (calls.size === 0 || underWay + it.size <= maxBytes * LARGEST_UNDER_WAY)
    );
  }

  /** @param {Call} it */
  function start(it) {
    const frame = /** @type {Buffer} */ (it.frame);
    it.frame = undefined;
    it.id = lastId = (lastId + 1) >>> 0;
    calls.set(it.id, it);
    underWay += it.size;
    frame.writeUInt32LE(it.id, HEADER + 1);
    send(frame);
  }

  function startWaiting() {
    let count = 0;
    while (count < waiting.length && (waiting[count].left || fits(waiting[count]))) {
      const it = waiting[count++];
      if (it.left) release();
      else start(it);
    }
    if (count > 0) waiting = waiting.slice(count);
  }

  /** Whoever called does not wait any longer; the host is told. @param {Call} it @param {any} why */
  function abandon(it, why) {
    if (it.left) return;
    it.left = true;
    it.signal?.removeEventListener('abort', it.onAbort);
    if (it.chunks) it.chunks.fail(why);
    else it.reject(why);
    if (it.id !== 0 && !lost) send(newFrame(MESSAGE.CANCEL, it.id, 0));
  }

  /** The host has said its last word on it. @param {Call} it */
  function finish(it) {
    calls.delete(it.id);
    underWay -= it.size;
    it.signal?.removeEventListener('abort', it.onAbort);
    it.left = true;
    release();
    startWaiting();
  }

  /** @param {Buffer} text */
  const decodeValue = (text) => (text.length === 0 ? undefined : decode(toText(text)));

  /** @param {Buffer} body */
  const decodeChunk = (body) =>
    body[0] === FORM.BYTES ? copy(body.subarray(1)) : decodeValue(body.subarray(1));

  /** @param {Call} it @param {Buffer} body */
  function errorOf(it, body) {
    const { name, message, code, stack } = parse(toText(body));
    const error = makeError(name, message, code);
    // Where the answer was read says nothing about anything.
    error.stack = `${name}: ${message}\n    at ctx.host.call('${it.name}')${stack ? `\n  ${stack}` : ''}`;
    return error;
  }

  /** @param {Call} it */
  function openChunks(it) {
    it.chunks = createChunks({
      taken: (count) => {
        if (!it.left && !lost) send(countFrame(MESSAGE.PULL, it.id, count));
      },
      leave: () => abandon(it, undefined),
    });
    if (!it.left) it.resolve(it.chunks.iterable);
  }

  /**
   * Takes an answer.
   * @param {Buffer} payload of an ANSWER frame, good until this returns
   */
  function take(payload) {
    const id = payload.readUInt32LE(1);
    const body = payload.subarray(HEAD);
    if (payload[0] === ANSWER.CREDIT) return pumping.more(body.readUInt32LE(0));
    const it = calls.get(id);
    if (it === undefined) return undefined;
    const { left } = it;
    switch (payload[0]) {
      case ANSWER.RETURN:
        finish(it);
        if (left) return undefined;
        try {
          return it.resolve(decodeValue(body));
        } catch (error) {
          return it.reject(error);
        }
      case ANSWER.THROW: {
        finish(it);
        if (left) return undefined;
        const error = errorOf(it, body);
        return it.chunks ? it.chunks.fail(error) : it.reject(error);
      }
      case ANSWER.OPEN:
        return openChunks(it);
      case ANSWER.CHUNK:
        return left ? undefined : it.chunks?.push(decodeChunk(body));
      default:
        finish(it);
        return it.chunks?.end();
    }
  }

  const gone = () => makeError('Error', 'The host does not answer any more.', 'HOST_GONE');

  /**
   * No answer will come any more. The run is over then: that nobody waited for an answer is no error
   * any more, which would end the process that an in-process run has in common with others.
   */
  function lose() {
    if (lost) return;
    lost = true;
    const open = [...calls.values(), ...waiting];
    calls.clear();
    waiting = [];
    for (const it of open) {
      const { left } = it;
      release();
      it.left = true;
      if (left) continue;
      it.promise?.catch(() => {});
      if (it.chunks) it.chunks.fail(gone());
      else it.reject(gone());
    }
    pumping.more(0);
  }

  // --- the handler's result ---

  const pumping = {
    credit: WINDOW,
    /** @type {(() => void) | undefined} */
    wake: undefined,
    more(/** @type {number} */ count) {
      this.credit += count;
      this.wake?.();
    },
    async room() {
      while (this.credit === 0) {
        if (lost) return;
        hold();
        await new Promise((resolve) => {
          this.wake = () => resolve(undefined);
        });
        this.wake = undefined;
        release();
      }
      this.credit--;
    },
  };

  /** @param {any} chunk */
  function encodeChunk(chunk) {
    const bytes = isView(chunk) && chunk instanceof Uint8Array ? chunk : undefined;
    let text = '';
    if (bytes === undefined) {
      try {
        text = encode(chunk) ?? '';
        if (text === '' && chunk !== undefined) throw new TypeError(`it is a ${typeof chunk}`);
      } catch (error) {
        const why = bound(messageOf(error), 4096);
        throw new ChunkError(
          'RESULT_NOT_SERIALIZABLE',
          `A chunk of the handler's result cannot be serialized: ${why}`,
        );
      }
    }
    const length = bytes?.length ?? byteLength(text);
    const cost = bytes ? length : chargeOf(text, length, times);
    if (cost > maxBytes)
      throw new ChunkError(
        'RESULT_TOO_LARGE',
        `A chunk of the handler's result is ${sizeOf(length, cost)}; execution.maxMessageBytes is ${maxBytes}.`,
      );
    const frame = newFrame(MESSAGE.CHUNK, 0, 1 + length);
    frame[HEADER + HEAD] = bytes ? FORM.BYTES : FORM.TEXT;
    if (bytes) frame.set(bytes, HEADER + HEAD + 1);
    else frame.write(text, HEADER + HEAD + 1, length === text.length ? 'latin1' : 'utf8');
    return frame;
  }

  /**
   * Sends a stream, as fast as the host takes it.
   * @param {AsyncIterable<unknown>} stream
   * @returns {Promise<unknown>} what a generator returned
   */
  async function pump(stream) {
    send(newFrame(MESSAGE.STREAM, 0, 0));
    const iterator = stream[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await iterator.next();
      if (done) return value;
      try {
        const frame = encodeChunk(value);
        await pumping.room();
        if (lost) throw gone();
        send(frame);
      } catch (error) {
        // What it has open is its own to close; nobody is there to hear of a failure to.
        await Promise.resolve(iterator.return?.()).catch(() => {});
        throw error;
      }
    }
  }

  // --- progress ---

  let toldAt = -Infinity;
  /** @type {string | undefined} */
  let untold;
  /** @type {any} */
  let timer;

  function flush() {
    if (untold === undefined || lost) return;
    clearTimeout(timer);
    timer = undefined;
    const text = untold;
    untold = undefined;
    toldAt = now();
    const frame = newFrame(MESSAGE.PROGRESS, 0, byteLength(text));
    frame.write(text, HEADER + HEAD);
    send(frame);
  }

  /** @param {unknown} fraction @param {unknown} message */
  function progress(fraction, message) {
    if (typeof fraction !== 'number')
      throw makeError('TypeError', 'ctx.progress needs a number.', 'ERR_INVALID_ARG_TYPE');
    if (!(fraction >= 0 && fraction <= 1))
      throw makeError('RangeError', 'ctx.progress needs a number from 0 to 1.', 'ERR_OUT_OF_RANGE');
    if (message !== undefined && typeof message !== 'string')
      throw makeError('TypeError', 'ctx.progress needs a string.', 'ERR_INVALID_ARG_TYPE');
    untold = stringify({ fraction, message: message?.slice(0, MAX_PROGRESS_TEXT) });
    const due = toldAt + PROGRESS_MS - now();
    if (due <= 0) flush();
    else timer ??= setTimeout(flush, due).unref();
  }

  return { call, flush, host: createHost(options.names, call), lose, progress, pump, take };
}

/**
 * `ctx.host`: `call`, and the functions by their names, whose dots are levels.
 * @param {readonly string[]} names @param {(name: string, args: any[]) => Promise<any>} call
 */
function createHost(names, call) {
  const host = Object.create(null);
  host.call = (/** @type {string} */ name, /** @type {any[]} */ ...args) => call(name, args);
  const levels = [host];
  for (const name of names) {
    const steps = name.split('.');
    const last = /** @type {string} */ (steps.pop());
    let level = host;
    for (const step of steps) {
      if (level[step] === undefined) levels.push((level[step] = Object.create(null)));
      level = level[step];
    }
    level[last] = (/** @type {any[]} */ ...args) => call(name, args);
  }
  for (const level of levels) Object.freeze(level);
  return host;
}

module.exports = { createClient };
