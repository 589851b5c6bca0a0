// SPDX-License-Identifier: MIT
// A guest's JSON, when it is long: read a little at a time, so that the event loop is not held up whatever
// is in it. Complete members of a list or an object go to JSON.parse together, some KiB of them; what they
// belong to is put together here. The value is the one that JSON.parse gives of the whole.

import { setImmediate, setTimeout } from 'node:timers/promises';
import guestText from './guest/text.cjs';
import { steady } from './trace.js';

const { toText } = guestText;

/** Bytes that are read in one go, more or less: in the worst case that takes V8 some 5 ms. */
const SLICE = 16 << 10;
/** A text is read in parts of this size. */
const LONG_TEXT = 256 << 10;
/** For how long one turn of the event loop goes on. */
const TURN_MS = 4;

const QUOTE = 0x22;
const COMMA = 0x2c;
const LIST = 0x5b;
const BACKSLASH = 0x5c;
const LIST_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;
const BLANK = /^[ \t\r\n]*$/;

/** Reads one text. Throws a SyntaxError for one that is not JSON. */
export class Reader {
  #bytes;
  #at = 0;
  /** Where to stop next, and put together what is complete. */
  #stop = SLICE;
  /** What has been read, once all of it has. @type {unknown} */
  value;

  // What is open, by depth: where its members begin that have not been read, and where the last of
  // these that is complete ends.
  #depth = 0;
  /** @type {number[]} */
  #from = [];
  /** @type {number[]} */
  #cut = [];
  /** The outermost of them, as values; of those deeper than this no member has been read. @type {any[]} */
  #made = [];
  /** A member was put into it that needs a comma behind it. @type {boolean[]} */
  #fresh = [];

  #inText = false;
  /** Where the text is that was begun last. */
  #textAt = 0;
  /** Where the last escape in it is. */
  #escapeAt = 0;
  /** A long text, as far as it has been read. @type {string | undefined} */
  #long;
  #longAt = 0;
  /** The outermost value is complete, and ends here. */
  #end = -1;

  #parse;

  /**
   * @param {Uint8Array} bytes in UTF-8
   * @param {(text: string) => any} [parse] in the place of JSON.parse
   */
  constructor(bytes, parse = (text) => JSON.parse(text)) {
    this.#bytes = bytes;
    this.#parse = parse;
  }

  /** Reads on for some milliseconds. @param {number} ms @returns {boolean} whether that was all */
  step(ms) {
    const until = steady() + ms;
    while (this.#at < this.#bytes.length) {
      this.#scan();
      if (this.#at >= this.#stop) this.#putTogether();
      if (steady() >= until) return false;
    }
    if (this.#inText || this.#depth > 0) throw new SyntaxError('Unexpected end of JSON input');
    if (this.#end < 0) this.value = this.#parse(toText(this.#bytes));
    else this.#expectBlank(this.#end, this.#bytes.length);
    return true;
  }

  #scan() {
    const bytes = this.#bytes;
    const stop = Math.min(this.#stop, bytes.length);
    while (this.#at < stop) {
      if (this.#inText) {
        this.#scanText(stop);
        continue;
      }
      const byte = bytes[this.#at++];
      if (byte === QUOTE) {
        this.#inText = true;
        this.#textAt = this.#at;
      } else if (byte === LIST || byte === OBJECT) {
        if (this.#end >= 0) throw new SyntaxError('Unexpected value after JSON');
        this.#from[this.#depth] = this.#cut[this.#depth] = this.#at;
        this.#depth++;
      } else if (byte === LIST_END || byte === OBJECT_END) {
        this.#close(byte);
      } else if (byte === COMMA && this.#depth > 0) {
        this.#takeComma();
      }
    }
  }

  /** Goes on to the end of a text. @param {number} stop */
  #scanText(stop) {
    const bytes = this.#bytes;
    let at = this.#at;
    while (at < stop) {
      const byte = bytes[at++];
      if (byte === BACKSLASH) {
        this.#escapeAt = at - 1;
        at++;
      } else if (byte === QUOTE) {
        this.#inText = false;
        break;
      }
    }
    this.#at = Math.min(at, bytes.length);
    if (!this.#inText && this.#long !== undefined) this.#closeLong();
  }

  #takeComma() {
    const level = this.#depth - 1;
    this.#cut[level] = this.#at;
    if (!this.#fresh[level] || level >= this.#made.length) return;
    this.#expectBlank(this.#from[level], this.#at - 1);
    this.#from[level] = this.#at;
    this.#fresh[level] = false;
  }

  /** @param {number} byte */
  #close(byte) {
    const level = --this.#depth;
    if (level < 0) throw new SyntaxError('Unexpected end of a list or an object');
    if (level >= this.#made.length) return;
    const value = this.#made[level];
    if (Array.isArray(value) !== (byte === LIST_END))
      throw new SyntaxError('Unexpected end of a list or an object');
    this.#append(level, this.#at - 1, true);
    this.#made.length = level;
    this.#follow(level);
  }

  /** A member is complete, and read. @param {number} depth */
  #follow(depth) {
    if (depth === 0) this.#end = this.#at;
    else {
      this.#from[depth - 1] = this.#cut[depth - 1] = this.#at;
      this.#fresh[depth - 1] = true;
    }
  }

  /** Reads all members that are complete, of all that is open. */
  #putTogether() {
    this.#stop = this.#at + SLICE;
    // One that is there already has nothing open inside of it but the next.
    let level = this.#made.length - 1;
    if (level >= 0) this.#appendComplete(level);
    while (++level < this.#depth) {
      const start = this.#from[level] - 1;
      const value = this.#bytes[start] === LIST ? [] : {};
      this.#put(level, start, value);
      this.#made[level] = value;
      this.#fresh[level] = false;
      this.#appendComplete(level);
    }
    if (this.#inText && this.#at - this.#textAt >= LONG_TEXT) this.#readText();
  }

  /** @param {number} level */
  #appendComplete(level) {
    if (this.#cut[level] > this.#from[level]) this.#append(level, this.#cut[level] - 1, false);
    this.#from[level] = this.#cut[level];
  }

  /** @param {number} level @param {number} to @param {boolean} last nothing follows */
  #append(level, to, last) {
    const holder = this.#made[level];
    const text = this.#text(this.#from[level], to);
    if (BLANK.test(text)) {
      // Nothing is between two commas, or behind one, in no JSON.
      if (last && (this.#fresh[level] || isEmpty(holder))) return;
      throw new SyntaxError('A member is missing');
    }
    if (this.#fresh[level]) throw new SyntaxError('A comma is missing');
    if (Array.isArray(holder)) {
      const items = this.#parse(`[${text}]`);
      for (let i = 0; i < items.length; i++) holder.push(items[i]);
      return;
    }
    const members = this.#parse(`{${text}}`);
    for (const name of Object.keys(members)) define(holder, name, members[name]);
  }

  /** Puts a value into what it is in. @param {number} depth @param {number} start of its text @param {any} value */
  #put(depth, start, value) {
    if (depth === 0) {
      this.#expectBlank(0, start);
      this.value = value;
      return;
    }
    const holder = this.#made[depth - 1];
    const from = this.#cut[depth - 1];
    if (this.#fresh[depth - 1]) throw new SyntaxError('A comma is missing');
    if (Array.isArray(holder)) {
      this.#expectBlank(from, start);
      holder.push(value);
      return;
    }
    const names = Object.keys(this.#parse(`{${this.#text(from, start)}{}}`));
    if (names.length !== 1) throw new SyntaxError('A name is missing');
    define(holder, names[0], value);
  }

  // --- long texts --------------------------------------------------------------------------------

  /** Reads what has come of it. */
  #readText() {
    if (this.#long === undefined) {
      const level = this.#depth - 1;
      const before = level < 0 ? 0 : this.#cut[level];
      // Where a name is due. Nobody needs such a name.
      if (
        level >= 0 &&
        !Array.isArray(this.#made[level]) &&
        this.#isBlank(before, this.#textAt - 1)
      )
        throw new SyntaxError('A name is too long');
      this.#long = '';
      this.#longAt = this.#textAt;
    }
    let to = this.#at;
    // An escape is up to six bytes, a character up to four.
    if (this.#escapeAt >= this.#longAt && to - this.#escapeAt < 6) to = this.#escapeAt;
    for (let i = 0; i < 3 && (this.#bytes[to] & 0xc0) === 0x80; i++) to--;
    if (to <= this.#longAt) return;
    this.#long += JSON.parse(`"${this.#text(this.#longAt, to)}"`);
    this.#longAt = to;
  }

  #closeLong() {
    const text = this.#long + JSON.parse(`"${this.#text(this.#longAt, this.#at - 1)}"`);
    this.#long = undefined;
    if (this.#end >= 0) throw new SyntaxError('Unexpected value after JSON');
    this.#put(this.#depth, this.#textAt - 1, text);
    this.#follow(this.#depth);
  }

  /** @param {number} from @param {number} to */
  #text(from, to) {
    return toText(this.#bytes.subarray(from, to));
  }

  /** @param {number} from @param {number} to */
  #isBlank(from, to) {
    return BLANK.test(this.#text(from, to));
  }

  /** @param {number} from @param {number} to */
  #expectBlank(from, to) {
    if (!this.#isBlank(from, to)) throw new SyntaxError('Unexpected text between members');
  }
}

/** @param {any} holder */
function isEmpty(holder) {
  for (const _name in holder) return false;
  return true;
}

/** @param {any} holder @param {string} name @param {unknown} value */
function define(holder, name, value) {
  if (name !== '__proto__') holder[name] = value;
  else
    Object.defineProperty(holder, name, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
}

// --- in turns --------------------------------------------------------------------------------------

/** A longer text is read in turns; SBX_TEXT_AT_ONCE of src/addon/text.h. */
const AT_ONCE = 96 << 10;

/** @param {{ length: number }} text @returns {boolean} whether reading it may take too long for one turn */
export const isLong = ({ length }) => length > AT_ONCE;

/**
 * What all that is read in turns may take of this thread: so much at once, and then this share of the time.
 * A guest's results, one after the other, leave the others theirs.
 */
const AT_ONCE_MS = 50;
const SHARE = 0.5;
let owed = 0;
let owedAt = 0;

/** One job's turns. */
export class Turns {
  #from = steady();
  /** Milliseconds that it has taken, up to the rest before. */
  spentMs = 0;

  /** Lets the event loop go on when it is time to. @param {boolean} [now] */
  async rest(now = false) {
    const at = steady();
    const took = at - this.#from;
    if (took < TURN_MS && !now) return;
    this.spentMs += took;
    owed = Math.max(0, owed - (at - owedAt) * SHARE) + took;
    owedAt = at;
    if (owed > AT_ONCE_MS) await setTimeout((owed - AT_ONCE_MS) / SHARE);
    else await setImmediate();
    this.#from = steady();
  }

  /** @param {Uint8Array} bytes @param {(text: string) => any} [parse] @returns {Promise<any>} */
  async read(bytes, parse) {
    const reader = new Reader(bytes, parse);
    while (!reader.step(TURN_MS)) await this.rest(true);
    await this.rest();
    return reader.value;
  }
}

/** The job before. */
let last = Promise.resolve();

/**
 * Does what takes long in turns. One job at a time, so that there are not the values of many of which nobody
 * has one.
 *
 * @template T
 * @param {(turns: Turns) => Promise<T>} job
 * @returns {Promise<T>}
 */
export function inTurns(job) {
  const done = last.then(() => job(new Turns()));
  last = done.then(
    () => setImmediate(),
    () => setImmediate(),
  );
  return done;
}
