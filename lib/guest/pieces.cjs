'use strict';
// Large values in JSON, a piece at a time, so that one side reads while the other still writes. What is
// large are long lists and long texts, as the value or as members of plain objects near its top; what
// is left of the value (the frame) follows them, with the places that they belong to. Host and guest
// load it; the host joins what a hostile guest sends.
//
// The value on the other side is the one that JSON.parse(JSON.stringify(value)) gives.

const { types } = require('node:util');

const { parse, stringify } = JSON;
const { byteLength } = Buffer;
const { max, min } = Math;
const { isArray } = Array;
const { getOwnPropertyDescriptor, getPrototypeOf, hasOwn, keys: keysOf } = Object;
const { apply } = Reflect;
const { isProxy } = types;
const listPrototype = Array.prototype;
const plainPrototype = Object.prototype;
const { concat } = listPrototype;
const call = Function.prototype.call;
/** @type {(list: any[], from: number, to: number) => any[]} */
const sliceList = call.bind(listPrototype.slice);
/** @type {(text: string, from: number, to?: number) => string} */
const slice = call.bind(String.prototype.slice);
/** Takes no account of the key that it is given. */
const dateToJSON = Date.prototype.toJSON;

/** What a piece is: the first of a list, one more of it, or a whole text in ASCII. */
const FORM = Object.freeze({ LIST: 0, MORE: 1, TEXT: 2 });

/** Items of a list that is taken out of its value. */
const LONG_LIST = 2048;
/** Characters of such a text. */
const LONG_TEXT = 128 << 10;
/** Characters of a piece of a list, more or less: some 0.3 ms of work for either side. */
const PIECE = 64 << 10;
/** No piece is smaller (SBX_PIECE_MIN of src/core/frame.h), or the host would count it as this large. */
const LEAST = 1024;
/** How deep objects are looked into, and at how many members altogether. */
const MAX_DEPTH = 3;
const MAX_LOOKS = 256;
/** Pieces of a list that are put together in one go. */
const MANY = 1024;

/**
 * @typedef {object} Split a large value
 * @property {unknown} frame the value without what was taken out
 * @property {string[][]} places where that was: the members that lead there
 * @property {(any[] | string)[]} parts what was taken out
 */

/** Takes a value apart; undefined for one that is not large. */
class Splitter {
  #places = /** @type {string[][]} */ ([]);
  #parts = /** @type {(any[] | string)[]} */ ([]);
  #path = /** @type {string[]} */ ([]);
  #looks = 0;

  /** @param {unknown} value @returns {Split | undefined} */
  split(value) {
    const frame = this.#strip(value);
    if (this.#parts.length === 0) return undefined;
    return { frame, places: this.#places, parts: this.#parts };
  }

  /** @param {any} value @returns {any} what is left of it */
  #strip(value) {
    if (typeof value === 'string') {
      if (value.length < LONG_TEXT || byteLength(value) !== value.length) return value;
      return this.#take(value);
    }
    if (typeof value !== 'object' || value === null || isProxy(value)) return value;
    const prototype = getPrototypeOf(value);
    if (isArray(value)) {
      if (value.length < LONG_LIST || prototype !== listPrototype) return value;
      return /** @type {any} */ (value).toJSON === undefined ? this.#take(value) : value;
    }
    if (this.#path.length === MAX_DEPTH) return value;
    if (prototype !== plainPrototype && prototype !== null) return value;
    return value.toJSON === undefined ? this.#stripObject(value) : value;
  }

  /** @param {any[] | string} part */
  #take(part) {
    this.#places[this.#places.length] = sliceList(this.#path, 0, this.#path.length);
    this.#parts[this.#parts.length] = part;
    return 0;
  }

  /** @param {any} object */
  #stripObject(object) {
    const keys = keysOf(object);
    if ((this.#looks += keys.length) > MAX_LOOKS) return object;
    let copy;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (key === '__proto__') continue;
      // A getter is called once, when the copy is made.
      const before = getOwnPropertyDescriptor(object, key)?.value;
      if (typeof before !== 'string' && typeof before !== 'object') continue;
      this.#path[this.#path.length] = key;
      const after = this.#strip(before);
      this.#path.length--;
      if (after === before) continue;
      copy ??= { __proto__: null, ...object };
      copy[key] = after;
    }
    return copy ?? object;
  }
}

/** @param {unknown} value @returns {Split | undefined} undefined for one that is not large */
function split(value) {
  return new Splitter().split(value);
}

/**
 * Writes a large value. JSON.stringify's errors go to the caller, when pieces may have been emitted.
 * @param {Split} large
 * @param {(form: number, text: string) => void} emit
 * @returns {{ text: string, frame: string }} what is to follow the pieces, and the part of it that is
 *   of the value: what a piece of a list adds to that is its length less one, and a text its length and one
 */
function write({ frame: value, places, parts }, emit) {
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (typeof part === 'string') emit(FORM.TEXT, part);
    else writeList(part, emit);
  }
  const frame = stringify(value);
  return { text: `[${frame},${stringify(places)}]`, frame };
}

/** @param {any[]} list @param {(form: number, text: string) => void} emit */
function writeList(list, emit) {
  const { length } = list;
  /** @type {number} */
  let form = FORM.LIST;
  let step = 64;
  /** What was written last: it may have to take what follows along, which is too small alone. */
  let held = '';
  for (let at = 0; at < length;) {
    const end = min(at + step, length);
    const text = writeItems(sliceList(list, at, end), at);
    step = max(16, min(step * 8, (step * PIECE) / text.length) >>> 0);
    at = end;
    if (held === '') held = text;
    else if (held.length < LEAST || text.length < LEAST) {
      held = `${slice(held, 0, -1)},${slice(text, 1)}`;
    } else {
      emit(form, held);
      form = FORM.MORE;
      held = text;
    }
  }
  emit(form, held);
}

/**
 * @param {any[]} items @param {number} at where they were in their list: toJSON is told
 * @returns {string}
 */
function writeItems(items, at) {
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    const type = typeof item;
    if (type !== 'object' && type !== 'bigint') continue;
    const toJSON = item?.toJSON;
    if (typeof toJSON === 'function' && toJSON !== dateToJSON) return writeKeyed(items, at);
  }
  return stringify(items);
}

/** @param {any[]} items @param {number} at @returns {string} */
function writeKeyed(items, at) {
  let text = '[';
  for (let i = 0; i < items.length; i++) {
    const member = stringify({ [at + i]: items[i] });
    text += i === 0 ? '' : ',';
    text += member === '{}' ? 'null' : slice(member, `{"${at + i}":`.length, -1);
  }
  return `${text}]`;
}

/** Puts a large value together again. Throws for what write() does not make. */
class Joiner {
  /** Texts, and the lists of what lists are made of. @type {(string | any[][])[]} */
  #parts = [];

  /** @param {number} form @param {any} piece its text; of a list it may be the list */
  take(form, piece) {
    if (form === FORM.TEXT) {
      if (typeof piece !== 'string') throw new TypeError('A text too long for a string');
      this.#parts.push(piece);
      return;
    }
    const items = typeof piece === 'string' ? parse(piece) : piece;
    if (!isArray(items)) throw new TypeError('A piece of a list that is none');
    if (form === FORM.LIST) {
      this.#parts.push([items]);
      return;
    }
    const last = this.#parts[this.#parts.length - 1];
    if (!isArray(last)) throw new TypeError('A piece of no list');
    if (last.length === MANY) last.splice(0, MANY, merge(last));
    last.push(items);
  }

  /** @param {any} said what followed the pieces, as text or as value @returns {any} the value */
  finish(said) {
    const [frame, places] = typeof said === 'string' ? parse(said) : said;
    const parts = this.#parts;
    if (!isArray(places) || places.length !== parts.length) {
      throw new TypeError('Other pieces than it has places for');
    }
    const root = { value: frame };
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      place(root, places[i], typeof part === 'string' ? part : merge(part));
    }
    return root.value;
  }
}

/** @param {any[][]} lists @returns {any[]} one list */
function merge(lists) {
  return lists.length === 1 ? lists[0] : apply(concat, [], lists);
}

/** @param {{ value: any }} root @param {unknown} path @param {unknown} part */
function place(root, path, part) {
  if (!isArray(path) || path.length > MAX_DEPTH) throw new TypeError('A piece without a place');
  /** @type {any} */
  let holder = root;
  let key = 'value';
  for (let i = 0; i < path.length; i++) {
    holder = holder[key];
    key = path[i];
    if (typeof key !== 'string' || typeof holder !== 'object' || !hasOwn(holder ?? {}, key)) {
      throw new TypeError('A piece for a place that is not there');
    }
  }
  holder[key] = part;
}

module.exports = { FORM, Joiner, split, write };
