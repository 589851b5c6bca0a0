// SPDX-License-Identifier: MIT
// What handlers print in the host's own process: told apart by the asynchronous context that it is printed
// from, cut into lines, and the newest of them kept.
import { AsyncLocalStorage } from 'node:async_hooks';
import nodeConsole from 'node:console';
import { StringDecoder } from 'node:string_decoder';
import { Writable } from 'node:stream';
import guestLog from './guest/log.cjs';
import { LEVELS } from './logs.js';
import { now } from './trace.js';

/** @typedef {'info' | 'warn' | 'error' | 'debug'} Level */

/** Characters of a line, as the addon cuts it. */
const MAX_LINE = 64 << 10;
/** Bytes that a line counts beside its text, so that empty ones are not free. */
const OF_A_LINE = 1;

/** @type {AsyncLocalStorage<Output>} */
export const outputs = new AsyncLocalStorage();

/** A line that has not ended yet. */
class Partial {
  /** @type {string[]} */
  #pieces = [];
  #length = 0;
  /** Its beginning is a line already. */
  #isRest = false;

  /** @param {string} text without newlines @param {(line: string) => void} emit what is too long for one */
  append(text, emit) {
    for (let at = 0; at < text.length;) {
      let end = Math.min(text.length, at + MAX_LINE - this.#length);
      // A pair of surrogates is one character.
      if (end < text.length && end - at > 1 && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800)
        end--;
      this.#pieces.push(text.slice(at, end));
      this.#length += end - at;
      at = end;
      if (at < text.length || this.#length >= MAX_LINE) {
        emit(this.take());
        this.#isRest = true;
      }
    }
  }

  /** Whether there is nothing left of a line that was cut. */
  get isOver() {
    return this.#length === 0 && this.#isRest;
  }

  get isEmpty() {
    return this.#length === 0;
  }

  take() {
    const line = this.#pieces.join('');
    this.#pieces = [];
    this.#length = 0;
    this.#isRest = false;
    return line;
  }
}

/** The lines of one run: the newest that fit. */
export class Output {
  /** @type {import('./logs.js').Row[]} */
  rows = [];
  dropped = 0;
  #bytes = 0;
  #limit;
  #logs;
  /** By level. @type {Map<Level, Partial>} */
  #partials = new Map();
  /** Of the bytes of each stream. @type {Map<Level, StringDecoder>} */
  #decoders = new Map();

  /** @param {number} limit bytes @param {import('./logs.js').Logs} logs */
  constructor(limit, logs) {
    this.#limit = limit;
    this.#logs = logs;
  }

  /** @returns {string[]} for the result */
  get lines() {
    const { structured } = this.#logs;
    return this.#logs.list(structured ? this.rows : this.rows.map(([, , text]) => text));
  }

  /**
   * @param {Level} stream whose bytes they are, by its level
   * @param {Level} level
   * @param {string | Uint8Array} chunk
   * @param {unknown} [encoding] of a text
   */
  print(stream, level, chunk, encoding) {
    if (typeof chunk === 'string' && !isBinary(encoding)) return this.write(level, chunk);
    let decoder = this.#decoders.get(stream);
    if (!decoder) this.#decoders.set(stream, (decoder = new StringDecoder('utf8')));
    const given =
      typeof chunk === 'string'
        ? Buffer.from(chunk, /** @type {BufferEncoding} */ (encoding))
        : Buffer.from(chunk);
    return this.write(level, decoder.write(given));
  }

  /** @param {Level} level @param {string} text */
  write(level, text) {
    const partial = this.#partialOf(level);
    const emit = (/** @type {string} */ line) => this.add(level, line);
    for (let from = 0; ;) {
      const end = text.indexOf('\n', from);
      partial.append(text.slice(from, end < 0 ? undefined : end), emit);
      if (end < 0) return;
      if (partial.isOver) partial.take();
      else emit(partial.take());
      from = end + 1;
    }
  }

  /** @param {Level} level */
  #partialOf(level) {
    let partial = this.#partials.get(level);
    if (!partial) this.#partials.set(level, (partial = new Partial()));
    return partial;
  }

  /** @param {Level} level @param {unknown} message @param {unknown} fields */
  log(level, message, fields) {
    const text = guestLog.lineOf(message, fields, this.#logs.structured);
    const partial = new Partial();
    for (const line of text.split('\n')) {
      partial.append(line, (cut) => this.add(level, cut));
      if (partial.isOver) partial.take();
      else this.add(level, partial.take());
    }
  }

  /** @param {Level} level @param {string} line */
  add(level, line) {
    /** @type {import('./logs.js').Row} */
    const row = [now(), LEVELS.indexOf(level), line];
    this.rows.push(row);
    this.#bytes += Buffer.byteLength(line) + OF_A_LINE;
    while (this.#bytes > this.#limit && this.rows.length > 0) {
      this.#bytes -= Buffer.byteLength(String(this.rows.shift()?.[2])) + OF_A_LINE;
      this.dropped++;
    }
    // Outside of the run: what a callback prints is the host's.
    if (this.#logs.live) outputs.exit(() => this.#logs.tell([row]));
  }

  finish() {
    for (const [stream, decoder] of this.#decoders) this.write(stream, decoder.end());
    for (const [level, partial] of this.#partials)
      if (!partial.isEmpty) this.add(level, partial.take());
  }
}

/** @param {unknown} encoding */
function isBinary(encoding) {
  return (
    typeof encoding === 'string' &&
    /^(hex|base64|base64url|latin1|binary|ucs-?2|utf-?16le)$/i.test(encoding)
  );
}

/** Sets a property; whether that could be done. @param {any} target @param {string} name @param {any} value */
function assign(target, name, value) {
  try {
    target[name] = value;
    return target[name] === value;
  } catch {
    return false; // It is frozen, as SES and --frozen-intrinsics do it.
  }
}

/** While runs are going on, what they write to stdout and stderr goes to their Output. */
export class Capture {
  static #active = 0;
  /** @type {(() => void)[]} */
  static #restore = [];
  /** The level of the console call that is being made. @type {'debug' | 'warn' | undefined} */
  static #called;

  static begin() {
    if (this.#active++ > 0) return;
    this.#restore = [
      this.#patch(process.stdout, 'info'),
      this.#patch(process.stderr, 'error'),
      ...(globalThis.console === nodeConsole ? [] : this.#replaced(globalThis.console)),
      this.#level('debug'),
      this.#level('warn'),
    ];
  }

  static end() {
    if (--this.#active > 0) return;
    for (const restore of this.#restore.reverse()) restore();
    this.#restore = [];
  }

  /**
   * A console that somebody has put in the place of Node.js's own, as test runners do: it may print anywhere.
   *
   * @param {any} foreign
   */
  static #replaced(foreign) {
    const sink = (/** @type {Level} */ level) =>
      new Writable({
        decodeStrings: false,
        write: (chunk, _encoding, done) => {
          outputs.getStore()?.print(level, this.#called ?? level, chunk);
          done();
        },
      });
    /** @type {any} */
    const own = new nodeConsole.Console({ stdout: sink('info'), stderr: sink('error') });
    return Object.keys(own)
      .filter((name) => typeof own[name] === 'function' && typeof foreign?.[name] === 'function')
      .map((name) => {
        const original = foreign[name];
        return this.#swap(foreign, name, function (/** @type {any[]} */ ...args) {
          return outputs.getStore() ? own[name](...args) : Reflect.apply(original, foreign, args);
        });
      });
  }

  /** @param {'debug' | 'warn'} name of the console */
  static #level(name) {
    const { console } = globalThis;
    const original = console[name];
    return this.#swap(console, name, (/** @type {any[]} */ ...args) => {
      this.#called = name;
      try {
        return Reflect.apply(original, console, args);
      } finally {
        this.#called = undefined;
      }
    });
  }

  /** @param {any} target @param {string} name @param {any} value @returns {() => void} what puts it back */
  static #swap(target, name, value) {
    const own = Object.getOwnPropertyDescriptor(target, name);
    if (!assign(target, name, value)) return () => {};
    return () => {
      // Somebody who has patched it in the meantime keeps what they did.
      if (target[name] !== value) return;
      if (own) Object.defineProperty(target, name, own);
      else delete target[name];
    };
  }

  /** @param {NodeJS.WriteStream} stream @param {Level} level */
  static #patch(stream, level) {
    const original = stream.write;
    return this.#swap(stream, 'write', (/** @type {any[]} */ ...args) => {
      const output = outputs.getStore();
      if (!output) return Reflect.apply(original, stream, args);
      const [chunk, encoding, callback] = args;
      output.print(level, this.#called ?? level, chunk, encoding);
      const done = typeof encoding === 'function' ? encoding : callback;
      if (done) process.nextTick(done);
      return true;
    });
  }
}
