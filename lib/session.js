// SPDX-License-Identifier: MIT
// The host's half of what a run says while it runs (lib/guest/kinds.cjs): calls of host functions,
// chunks of its result, its progress. Every byte is hostile. What an honest guest never does, because
// its own half keeps to the same limits, ends the run: HOST_LIMIT for too much, PROCESS_CRASHED for
// what is no message at all.
import { describe, failure, HOW_COUNTED } from './errors.js';
import { ArgumentError } from './host.js';
import kinds from './guest/kinds.cjs';
import guestText from './guest/text.cjs';
import { Queue } from './queue.js';
import { inTurns, isLong } from './reader.js';
import { build, deserialize, serialize } from './serialize.js';
import { steady } from './trace.js';

const { ANSWER, FORM, HEAD, LARGEST_UNDER_WAY, MAX_PROGRESS_TEXT, MESSAGE, WINDOW } = kinds;

/** Refused calls of one run; each costs the host a little, and nobody needs so many. */
const MAX_REFUSED = 10_000;
/** Messages of the progress: at once, and for each second. The guest sends 20 a second. */
const PROGRESS_AT_ONCE = 200;
const PROGRESS_PER_SECOND = 100;
const MAX_TEXT = 8192;
const EMPTY = new Uint8Array(0);

/** The guest broke the protocol. */
class Broken extends Error {}
/** It went over a limit. */
class Flood extends Error {}

/**
 * @typedef {object} Options
 * @property {Readonly<import('./config.js').Config>} config
 * @property {ReadonlyMap<string, import('./host.js').HostFunction>} functions
 * @property {import('./request.js').Request} request
 * @property {import('./stream.js').Sink} sink
 * @property {(head: Uint8Array, body: Uint8Array) => number} send returns how many bytes of what was
 *   sent the guest's socket has not taken; -1 when nothing will
 * @property {(ms: number) => void} [took] is told how long what came was read for, apart from take()
 * @property {(error: import('./errors.js').SandboxError) => void} fail ends the run at once
 */

/**
 * @typedef {object} Call
 * @property {number} id
 * @property {string} name
 * @property {number} size
 * @property {number} begunAt
 * @property {boolean} answered with the last word
 * @property {boolean} [refused] there is no such function, or it may not be called
 * @property {AbortController} [controller]
 * @property {{ reason: unknown }} [ended] nobody waits for it any more
 * @property {NodeJS.Timeout} [timer]
 * @property {Stream} [stream]
 */

/** @typedef {{ iterator: AsyncIterator<unknown>, credit: number, busy: boolean, leave: () => void }} Stream */

/** What a host function gets as its first argument. */
class Context {
  #call;
  #session;
  name;

  /** @param {Session} session @param {Call} call */
  constructor(session, call) {
    this.#session = session;
    this.#call = call;
    this.name = call.name;
  }

  get signal() {
    return signalOf(this.#call);
  }

  get requestId() {
    return String(this.#session.fields.requestId);
  }

  get capabilities() {
    return this.#session.capabilities;
  }

  get ctx() {
    return this.#session.fields;
  }
}

/** @param {Call} call */
function signalOf(call) {
  if (!call.controller) {
    call.controller = new AbortController();
    if (call.ended) call.controller.abort(call.ended.reason);
  }
  return call.controller.signal;
}

/** @param {Call} call @param {unknown} reason */
function endCall(call, reason) {
  if (call.ended) return;
  call.ended = { reason };
  clearTimeout(call.timer);
  call.controller?.abort(reason);
  const { stream } = call;
  if (!stream) return;
  closeIterator(stream.iterator);
  if (!stream.busy) stream.leave();
}

/** What it has open is its own to close; a failure to has nowhere to go. @param {AsyncIterator<unknown>} iterator */
function closeIterator(iterator) {
  const close = async () => iterator.return?.();
  close().catch(() => {});
}

export class Session {
  /** What the guest did that it may not. @type {import('./errors.js').SandboxError | undefined} */
  failure;
  /** Functions that were called without the capability: names to capabilities. @type {Map<string, string>} */
  denied = new Map();
  /** The result came in chunks. */
  streamed = false;
  /** Set while long chunks of it are read: resolves when they are. @type {Promise<void> | undefined} */
  reading;

  #options;
  #maxCalls;
  #maxBytes;
  /** Without the last word, or with one that the guest has not taken yet. @type {Map<number, Call>} */
  #calls = new Map();
  #lastId = 0;
  #underWay = 0;
  #places;
  #over = false;
  /** What waits until the socket has room. @type {(() => void)[]} */
  #later = [];
  #clogged = false;
  /** Answered, and the socket has not taken all of it. @type {Call[]} */
  #sending = [];

  // How much of what costs no memory may come: never more than what gave a reason for it.
  #mayCancel = 0;
  #mayPull = 0;
  #refused = 0;
  #credit = WINDOW;
  #owed = 0;
  #progresses = 0;
  #begunAt = steady();
  /** @type {{ fraction: number, message?: string } | undefined} */
  #progress;
  /** @type {Map<string, { calls: number, errors: number, denied: number, timeMs: number }>} */
  #counts = new Map();
  /** @type {Readonly<Record<string, unknown>> | undefined} */
  #fields;

  /** @param {Options} options */
  constructor(options) {
    const { maxHostCalls, maxMessageBytes } = options.config.execution;
    this.#options = options;
    this.#maxCalls = maxHostCalls;
    this.#maxBytes = maxMessageBytes;
    this.#places = new Queue(maxHostCalls, Infinity);
  }

  get fields() {
    return (this.#fields ??= Object.freeze({ ...this.#options.request.fields }));
  }

  get capabilities() {
    return this.#options.config.permissions.capabilities;
  }

  /** Takes what came. @param {any[]} list each message, and behind it what it costs (src/core/charge.h) */
  take(list) {
    for (let i = 0; i < list.length; i += 2) {
      if (this.#over) return;
      try {
        this.#message(list[i], list[i + 1]);
      } catch (error) {
        this.#break(error);
      }
    }
    this.#tellProgress();
  }

  /** The socket has taken everything. */
  room() {
    this.#clogged = false;
    for (const call of this.#sending) this.#forget(call);
    this.#sending = [];
    const later = this.#later;
    this.#later = [];
    for (const act of later) this.#whenRoom(act);
  }

  /** The run is over: what was called for it is told so. @param {unknown} [reason] */
  end(reason) {
    if (this.#over) return;
    this.#over = true;
    this.#later = [];
    if (this.#calls.size === 0) return;
    const why = reason ?? new DOMException('The run is over.', 'AbortError');
    for (const call of this.#calls.values()) endCall(call, why);
    this.#calls.clear();
  }

  /** @returns {{ host?: import('./index.js').HostCallMetrics[] }} none when nothing was called */
  metrics() {
    if (this.#counts.size === 0) return {};
    return { host: [...this.#counts].map(([name, counts]) => ({ name, ...counts })) };
  }

  /** @param {unknown} error */
  #break(error) {
    const why = describe(error);
    // A mistake of ours must not let a guest go on.
    const limit = error instanceof Flood;
    this.failure = limit
      ? failure('HOST_LIMIT', `The guest was ended: ${why}.`)
      : failure('PROCESS_CRASHED', `The guest did not finish: it broke the protocol: ${why}.`);
    this.end(new DOMException('The run was ended.', 'AbortError'));
    this.#options.fail(this.failure);
  }

  /** @param {Buffer} message @param {number} cost */
  #message(message, cost) {
    if (message.length < HEAD) throw new Broken('a message that is too short');
    const id = message.readUInt32LE(1);
    const body = message.subarray(HEAD);
    switch (message[0]) {
      case MESSAGE.CALL:
        return this.#takeCall(id, body, cost - HEAD);
      case MESSAGE.CANCEL:
        return this.#takeCancel(id, body);
      case MESSAGE.PULL:
        return this.#takePull(id, body);
      case MESSAGE.STREAM:
        return this.#takeStream(id, body);
      case MESSAGE.CHUNK:
        return this.#takeChunk(id, body, cost - HEAD - 1);
      case MESSAGE.PROGRESS:
        return this.#takeProgress(id, body);
      default:
        throw new Broken('a message of an unknown kind');
    }
  }

  // --- calls -------------------------------------------------------------------------------------

  /** @param {number} id @param {Buffer} body @param {number} size what it costs */
  #takeCall(id, body, size) {
    const length = body[0] ?? 0;
    if (length === 0 || body.length < 1 + length) throw new Broken('a call without a name');
    if (id <= this.#lastId) throw new Broken('a call with the number of an earlier one');
    if (this.#calls.size >= this.#maxCalls)
      throw new Flood(`more than ${this.#maxCalls} host calls at a time (execution.maxHostCalls)`);
    const most = this.#maxBytes * LARGEST_UNDER_WAY;
    if (this.#calls.size > 0 && this.#underWay + size > most)
      throw new Flood(`more than ${most} bytes of arguments at a time (execution.maxMessageBytes)`);
    this.#lastId = id;
    this.#mayCancel++;
    this.#underWay += size;
    /** @type {Call} */
    const call = {
      id,
      name: body.toString('latin1', 1, 1 + length),
      size,
      begunAt: steady(),
      answered: false,
    };
    this.#calls.set(id, call);
    this.#perform(call, body.subarray(1 + length));
  }

  /** @param {Call} call @param {Buffer} text */
  #perform(call, text) {
    const fn = this.#options.functions.get(call.name);
    if (!fn) return this.#refuse(call, 'HOST_FUNCTION_NOT_FOUND', 'there is no such host function');
    const { capability } = fn;
    if (capability !== undefined && !this.capabilities.includes(capability)) {
      this.denied.set(call.name, capability);
      this.#count(call.name).denied++;
      const why = `it needs the capability '${capability}'`;
      return this.#refuse(call, 'PERMISSION_DENIED', why);
    }
    this.#count(call.name).calls++;
    /** @type {unknown} */
    let args;
    try {
      const { config, took } = this.#options;
      args = readArguments(config.serialization, text, fn.validate, took);
    } catch (error) {
      return this.#throw(call, error);
    }
    if (fn.timeoutMs !== undefined) this.#limitTime(call, fn.timeoutMs);
    // Without a reason to wait nothing waits: a function that returns at once is answered at once.
    if (fn.places === undefined && isList(args) && this.#places.tryEnter()) {
      this.#invoke(call, fn, args, () => this.#places.release());
      return undefined;
    }
    void this.#wait(call, fn, args);
    return undefined;
  }

  /** @param {Call} call @param {string} code @param {string} why */
  #refuse(call, code, why) {
    if (++this.#refused > MAX_REFUSED)
      throw new Flood(`more than ${MAX_REFUSED} calls were refused`);
    call.refused = true;
    const message = `ctx.host.call('${call.name}'): ${why}`;
    this.#throw(call, Object.assign(new Error(message), { code, stack: '' }));
  }

  /** @param {Call} call @param {number} timeoutMs */
  #limitTime(call, timeoutMs) {
    call.timer = setTimeout(() => {
      const message = `ctx.host.call('${call.name}') took longer than ${timeoutMs} ms`;
      endCall(call, new DOMException(message, 'TimeoutError'));
      this.#throw(
        call,
        Object.assign(new Error(message), { name: 'TimeoutError', code: 'TIMEOUT' }),
      );
    }, timeoutMs);
  }

  /**
   * Until its arguments are found good, and there is a place for it: one of the run's, one of the
   * function's.
   *
   * @param {Call} call
   * @param {import('./host.js').HostFunction} fn
   * @param {unknown} given
   */
  async #wait(call, fn, given) {
    const signal = signalOf(call);
    /** @type {Queue[]} */
    const held = [];
    const release = () => held.forEach((places) => places.release());
    try {
      const args = await given;
      if (!isList(args)) throw new TypeError('The arguments are no list');
      for (const places of [this.#places, ...(fn.places ? [fn.places] : [])]) {
        if (signal.aborted || (await places.enter(signal))) throw signal.reason;
        held.push(places);
      }
      // Ended while its place was being given to it.
      if (signal.aborted) throw signal.reason;
      this.#invoke(call, fn, args, release);
    } catch (error) {
      release();
      this.#throw(call, error);
    }
  }

  /**
   * @param {Call} call
   * @param {import('./host.js').HostFunction} fn
   * @param {unknown[]} args
   * @param {() => void} release
   */
  #invoke(call, fn, args, release) {
    let left = false;
    const leave = () => {
      if (left) return;
      left = true;
      this.#count(call.name).timeMs += steady() - call.begunAt;
      release();
    };
    /** @type {any} */
    let value;
    try {
      value = fn.call.call(undefined, new Context(this, call), ...args);
    } catch (error) {
      leave();
      return this.#throw(call, error);
    }
    if (typeof value?.then !== 'function') {
      if (!isStream(value)) leave();
      return this.#return(call, value, leave);
    }
    value.then(
      (/** @type {unknown} */ result) => {
        if (!isStream(result)) leave();
        this.#return(call, result, leave);
      },
      (/** @type {unknown} */ error) => {
        leave();
        this.#throw(call, error);
      },
    );
    return undefined;
  }

  /** @param {Call} call @param {any} value @param {() => void} leave of a stream that is over */
  #return(call, value, leave) {
    if (isStream(value)) return this.#open(call, value, leave);
    return this.#answer(call, () => {
      let text;
      try {
        text = serialize(this.#options.config.serialization, value);
      } catch (error) {
        const why = `host function '${call.name}' returned what cannot be sent: ${describe(error)}`;
        throw new TypeError(why, { cause: error });
      }
      return [ANSWER.RETURN, this.#fitting(call, guestText.toBytes(text))];
    });
  }

  /** @param {Call} call @param {Uint8Array} bytes */
  #fitting(call, bytes) {
    if (bytes.length <= this.#maxBytes) return bytes;
    const message =
      `host function '${call.name}' returned ${bytes.length} bytes; ` +
      `execution.maxMessageBytes is ${this.#maxBytes}`;
    throw Object.assign(new RangeError(message), { code: 'MESSAGE_TOO_LARGE' });
  }

  /** @param {Call} call @param {unknown} error */
  #throw(call, error) {
    // That it may not be called is none of the function's errors, and what is not there has none.
    if (!call.answered && !call.refused) this.#count(call.name, true).errors++;
    this.#answer(call, () => [ANSWER.THROW, this.#encodeError(error)]);
  }

  /** @param {unknown} error @returns {Uint8Array} */
  #encodeError(error) {
    const debug = this.#options.request.fields.debug === true;
    return guestText.toBytes(JSON.stringify(plainError(error, debug)));
  }

  /**
   * The last word on a call. It is put into bytes when there is room for them, not before.
   *
   * @param {Call} call
   * @param {() => [kind: number, body: Uint8Array]} make
   */
  #answer(call, make) {
    if (call.answered || this.#over) return;
    call.answered = true;
    clearTimeout(call.timer);
    this.#whenRoom(() => {
      /** @type {[number, Uint8Array]} */
      let made;
      try {
        made = make();
      } catch (error) {
        this.#count(call.name, true).errors++;
        made = [ANSWER.THROW, this.#encodeError(error)];
      }
      if (this.#send(made[0], call.id, made[1])) this.#forget(call);
      else this.#sending.push(call);
    });
  }

  /** @param {Call} call */
  #forget(call) {
    if (this.#calls.delete(call.id)) this.#underWay -= call.size;
  }

  /** @param {string} name @param {boolean} [known] only of what has been counted */
  #count(name, known = false) {
    let counts = this.#counts.get(name);
    if (!counts) {
      counts = { calls: 0, errors: 0, denied: 0, timeMs: 0 };
      if (!known) this.#counts.set(name, counts);
    }
    return counts;
  }

  /** @param {number} id @param {Buffer} body */
  #takeCancel(id, body) {
    if (body.length > 0 || id > this.#lastId) throw new Broken('a CANCEL of no call');
    if (--this.#mayCancel < 0) throw new Flood('more calls cancelled than made');
    const call = this.#calls.get(id);
    if (!call || call.answered) return;
    const reason = new DOMException('The handler aborted the call.', 'AbortError');
    endCall(call, reason);
    if (call.stream && !call.stream.busy) this.#answer(call, () => [ANSWER.END, EMPTY]);
  }

  // --- streams of host functions -----------------------------------------------------------------

  /** @param {Call} call @param {any} iterable @param {() => void} leave */
  #open(call, iterable, leave) {
    clearTimeout(call.timer);
    /** @type {AsyncIterator<unknown>} */
    let iterator;
    try {
      iterator = iterable[Symbol.asyncIterator]();
    } catch (error) {
      leave();
      return this.#throw(call, error);
    }
    if (call.answered || call.ended || this.#over) {
      leave();
      closeIterator(iterator); // Nobody will read it.
      return this.#answer(call, () => [ANSWER.END, EMPTY]);
    }
    const stream = { iterator, credit: WINDOW, busy: false, leave };
    call.stream = stream;
    this.#whenRoom(() => {
      this.#send(ANSWER.OPEN, call.id, EMPTY);
      void this.#drive(call, stream);
    });
    return undefined;
  }

  /** Sends what the guest has room for. @param {Call} call @param {Stream} stream */
  async #drive(call, stream) {
    if (stream.busy || call.answered) return;
    stream.busy = true;
    /** @type {[kind: number, body: Uint8Array] | undefined} */
    let last;
    try {
      while (stream.credit > 0 && !this.#clogged && !call.ended && !this.#over && !last) {
        stream.credit--;
        const { done, value } = await stream.iterator.next();
        if (done) last = [ANSWER.END, EMPTY];
        else if (!call.ended) this.#sendChunk(call, this.#encodeChunk(value));
      }
    } catch (error) {
      closeIterator(stream.iterator);
      this.#count(call.name, true).errors++;
      last = [ANSWER.THROW, this.#encodeError(error)];
    }
    stream.busy = false;
    if (call.ended || this.#over) last ??= [ANSWER.END, EMPTY];
    if (last) {
      const word = last;
      stream.leave();
      this.#answer(call, () => word);
    } else if (this.#clogged) {
      this.#later.push(() => void this.#drive(call, stream));
    }
  }

  /** @param {Call} call @param {Uint8Array} chunk */
  #sendChunk(call, chunk) {
    const body = this.#fitting(call, chunk);
    this.#whenRoom(() => {
      this.#mayPull++;
      this.#send(ANSWER.CHUNK, call.id, body);
    });
  }

  /** @param {any} chunk @returns {Uint8Array} */
  #encodeChunk(chunk) {
    if (chunk instanceof Uint8Array) return Buffer.concat([Buffer.from([FORM.BYTES]), chunk]);
    const text = guestText.toBytes(serialize(this.#options.config.serialization, chunk));
    return Buffer.concat([Buffer.from([FORM.TEXT]), text]);
  }

  /** @param {number} id @param {Buffer} body */
  #takePull(id, body) {
    if (body.length !== 4 || id > this.#lastId) throw new Broken('a malformed PULL');
    const count = body.readUInt32LE(0);
    if (count === 0) throw new Broken('a PULL of nothing');
    this.#mayPull -= count;
    if (this.#mayPull < 0) throw new Flood('more chunks asked for than were taken');
    const call = this.#calls.get(id);
    if (!call?.stream || call.answered) return;
    call.stream.credit += count;
    void this.#drive(call, call.stream);
  }

  // --- the handler's result, its progress --------------------------------------------------------

  /** @param {number} id @param {Buffer} body */
  #takeStream(id, body) {
    if (id !== 0 || body.length > 0 || this.streamed) throw new Broken('a malformed STREAM');
    this.streamed = true;
  }

  /** @param {number} id @param {Buffer} body @param {number} cost */
  #takeChunk(id, body, cost) {
    if (id !== 0 || !this.streamed || body.length < 1 || body[0] > FORM.BYTES)
      throw new Broken('a malformed CHUNK');
    if (--this.#credit < 0) throw new Flood('more chunks of the result than it was given room for');
    const payload = body.subarray(1);
    const { serialization } = this.#options.config;
    const isText = body[0] === FORM.TEXT;
    const { took } = this.#options;
    const read = () => (isText ? readInTurns(serialization, payload, took) : payload);
    if (this.reading || (isText && isLong(payload))) return this.#pushLater(cost, read);
    /** @type {unknown} */
    let chunk = payload;
    if (isText) {
      try {
        chunk = deserialize(serialization, guestText.toText(payload));
      } catch (error) {
        throw unreadableChunk(error);
      }
    }
    return this.#push(chunk, cost);
  }

  /**
   * A chunk that is read in turns, or comes behind one.
   *
   * @param {number} cost
   * @param {() => unknown} read
   */
  #pushLater(cost, read) {
    const reading = (this.reading ?? Promise.resolve())
      .then(read)
      .then(
        (chunk) => {
          if (!this.#over) this.#push(chunk, cost);
        },
        (error) => this.#break(unreadableChunk(error)),
      )
      .finally(() => {
        if (this.reading === reading) this.reading = undefined;
      });
    this.reading = reading;
  }

  /** @param {unknown} chunk @param {number} cost */
  #push(chunk, cost) {
    const { execution } = this.#options.config;
    if (this.#options.sink.push(chunk, cost, (count) => this.#give(count))) return;
    const limit = execution.maxResultBytes;
    const message = `The result is larger than execution.maxResultBytes, ${limit} bytes (${HOW_COUNTED}).`;
    this.failure = failure('RESULT_TOO_LARGE', message, { limit });
    this.end();
    this.#options.fail(this.failure);
  }

  /** So many chunks have been taken. @param {number} count */
  #give(count) {
    if (this.#over) return;
    this.#owed += count;
    if (this.#owed < WINDOW / 2) return;
    this.#whenRoom(() => {
      if (this.#owed === 0) return;
      const body = Buffer.alloc(4);
      body.writeUInt32LE(this.#owed);
      this.#credit += this.#owed;
      this.#owed = 0;
      this.#send(ANSWER.CREDIT, 0, body);
    });
  }

  /** @param {number} id @param {Buffer} body */
  #takeProgress(id, body) {
    const seconds = (steady() - this.#begunAt) / 1000;
    if (++this.#progresses > PROGRESS_AT_ONCE + seconds * PROGRESS_PER_SECOND)
      throw new Flood('more messages of its progress than anybody can follow');
    /** @type {any} */
    let sent;
    try {
      sent = JSON.parse(guestText.toText(body.subarray(0, MAX_TEXT)));
    } catch {
      sent = undefined;
    }
    const { fraction, message } = sent ?? {};
    const good =
      id === 0 &&
      typeof fraction === 'number' &&
      fraction >= 0 &&
      fraction <= 1 &&
      (message === undefined ||
        (typeof message === 'string' && message.length <= MAX_PROGRESS_TEXT));
    if (!good) throw new Broken('a malformed PROGRESS');
    this.#progress = { fraction, message };
  }

  /** The newest of what came at once. */
  #tellProgress() {
    const progress = this.#progress;
    const { onProgress } = this.#options.request;
    this.#progress = undefined;
    if (!progress || !onProgress || this.failure) return;
    try {
      onProgress(progress.fraction, progress.message);
    } catch (error) {
      // The caller's mistake, and no reason to lose the run.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  // --- sending -----------------------------------------------------------------------------------

  /** @param {() => void} act */
  #whenRoom(act) {
    if (this.#over) return;
    if (this.#clogged) this.#later.push(act);
    else act();
  }

  /**
   * @param {number} kind
   * @param {number} id
   * @param {Uint8Array} body
   * @returns {boolean} whether the guest's socket has taken everything
   */
  #send(kind, id, body) {
    const head = Buffer.allocUnsafe(HEAD);
    head[0] = kind;
    head.writeUInt32LE(id, 1);
    this.#clogged = this.#options.send(head, body) > 0;
    return !this.#clogged;
  }
}

/** @param {any} value */
function isStream(value) {
  return (
    typeof value === 'object' && value !== null && typeof value[Symbol.asyncIterator] === 'function'
  );
}

/** @param {unknown} args @returns {args is unknown[]} */
const isList = (args) => Array.isArray(args);

/** What changes prototypes where somebody merges it into something else. */
const SUSPICIOUS = /__proto__|constructor|\\u00/i;

/** @param {unknown} error */
const unreadableChunk = (error) => new Broken(`a CHUNK that cannot be read: ${describe(error)}`);

/**
 * @param {'json' | 'advanced'} serialization
 * @param {Buffer} bytes hostile
 * @param {((args: unknown[]) => unknown) | undefined} validate
 * @param {Options['took']} took
 * @returns {unknown} the arguments, or a promise of them where they take long to read
 */
function readArguments(serialization, bytes, validate, took) {
  const check = (/** @type {unknown} */ args) => {
    if (!isList(args)) throw new ArgumentError('The arguments are no list');
    return validate ? validate(args) : args;
  };
  const refuse = (/** @type {unknown} */ error) => {
    throw new ArgumentError(`The arguments cannot be read: ${describe(error)}`);
  };
  if (isLong(bytes)) return readInTurns(serialization, bytes, took, true).catch(refuse).then(check);
  /** @type {unknown} */
  let args;
  try {
    const text = guestText.toText(bytes);
    args = serialization === 'advanced' ? deserialize(serialization, text) : parseArguments(text);
  } catch (error) {
    refuse(error);
  }
  return check(args);
}

/** @param {string} text */
function parseArguments(text) {
  if (text === '') return undefined;
  return SUSPICIOUS.test(text) ? JSON.parse(text, refusePrototypes) : JSON.parse(text);
}

/**
 * @param {'json' | 'advanced'} serialization
 * @param {Buffer} bytes hostile
 * @param {Options['took']} took
 * @param {boolean} [isArguments]
 * @returns {Promise<unknown>}
 */
function readInTurns(serialization, bytes, took, isArguments = false) {
  const parse = isArguments && serialization === 'json' ? parseArguments : undefined;
  return inTurns(async (turns) => {
    try {
      return build(serialization, await turns.read(bytes, parse));
    } finally {
      took?.(turns.spentMs);
    }
  });
}

/** @param {string} key @param {any} value */
function refusePrototypes(key, value) {
  const poisons =
    key === '__proto__' ||
    (key === 'constructor' &&
      typeof value === 'object' &&
      value !== null &&
      Object.hasOwn(value, 'prototype'));
  if (poisons) throw new Error(`an object has a key '${key}' that would change its prototype`);
  return value;
}

/** @param {any} error @param {boolean} debug */
function plainError(error, debug) {
  const read = (/** @type {string} */ key) => {
    try {
      return error?.[key];
    } catch {
      return undefined;
    }
  };
  const name = read('name');
  const code = read('code');
  const stack = debug ? read('stack') : undefined;
  // A DOMException's code is a number of no meaning.
  const told =
    typeof code === 'string'
      ? code.slice(0, 256)
      : typeof code === 'number' && !(error instanceof DOMException)
        ? code
        : undefined;
  return {
    name: typeof name === 'string' && name !== '' ? name.slice(0, 256) : 'Error',
    message: describe(error).slice(0, MAX_TEXT),
    ...(told !== undefined && { code: told }),
    ...(typeof stack === 'string' && stack !== '' && { stack: stack.slice(0, MAX_TEXT) }),
  };
}
