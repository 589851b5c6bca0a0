'use strict';
// What JSON can say of any value, within bounds: of fields of a log line that JSON itself refuses, and of
// what an error has beside its message. Every property is foreign: a getter that throws, a Proxy, endless.
// The host holds what a guest sent to the same bounds.

const { types } = require('node:util');

const { isNativeError, isTypedArray, isAnyArrayBuffer } = types;
const { isArray } = Array;
const { keys: keysOf, defineProperty } = Object;
const { min } = Math;
const asText = String;
const { call } = Function.prototype;
/** @type {(text: string, from: number, to: number) => string} */
const slice = call.bind(String.prototype.slice);

const MAX_DEPTH = 8;
const MAX_ITEMS = 1000;
const MAX_CHARACTERS = 64 << 10;
const MAX_TEXT = 8 << 10;
const MAX_NAME = 256;
/** Errors of an error, and how far they nest. */
const MAX_ERRORS = 32;
const MAX_ERROR_DEPTH = 4;
const MAX_CAUSES = 8;
/** What is told of an error anyway. */
const TOLD = ['name', 'message', 'stack', 'code', 'cause', 'errors'];

/** @param {any} target @param {string} key */
function read(target, key) {
  try {
    return target[key];
  } catch {
    return undefined;
  }
}

/** @param {readonly string[]} list @param {string} key */
function isIn(list, key) {
  for (let i = 0; i < list.length; i++) if (list[i] === key) return true;
  return false;
}

/** @param {any} object @returns {string[]} */
function keysIn(object) {
  try {
    return keysOf(object);
  } catch {
    return [];
  }
}

/** Copies values until there is no room left. */
class Copier {
  #items;
  #characters;
  #depth;
  #text;
  #errors = MAX_ERRORS;
  /** What holds what is being copied. @type {any[]} */
  #path = [];

  /** @param {{ items?: number, characters?: number, depth?: number, text?: number }} [bounds] */
  constructor(bounds = {}) {
    const { items = MAX_ITEMS, depth = MAX_DEPTH } = bounds;
    const { characters = MAX_CHARACTERS, text = MAX_TEXT } = bounds;
    this.#items = items;
    this.#characters = characters;
    this.#depth = depth;
    this.#text = text;
  }

  /** @param {string} text @param {number} [most] */
  text(text, most = this.#text) {
    const room = min(most, this.#characters);
    this.#characters -= min(text.length, room);
    return text.length <= room ? text : `${slice(text, 0, room)}… (cut, ${text.length} characters)`;
  }

  /** @param {any} value @returns {any} JSON-able; undefined for what JSON leaves out */
  value(value) {
    switch (typeof value) {
      case 'string':
        return this.text(value);
      case 'bigint':
        return this.text(asText(value));
      case 'object':
        return value === null ? null : this.#object(value);
      case 'number':
      case 'boolean':
        return value;
      default:
        return undefined;
    }
  }

  /** @param {any} object */
  #object(object) {
    for (let i = 0; i < this.#path.length; i++) if (this.#path[i] === object) return '[circular]';
    if (this.#path.length >= this.#depth) return '[too deep]';
    if (this.#items <= 0) return '[too many]';
    this.#items--;
    this.#path[this.#path.length] = object;
    try {
      return this.#inside(object);
    } finally {
      this.#path.length--;
    }
  }

  /** @param {any} object */
  #inside(object) {
    if (isNativeError(object)) return this.error(object);
    if (isTypedArray(object) || isAnyArrayBuffer(object)) return `[${object.byteLength} bytes]`;
    const toJSON = read(object, 'toJSON');
    if (typeof toJSON === 'function') {
      try {
        const told = call.call(toJSON, object, '');
        return typeof told === 'object' && told !== null ? this.#members(told) : this.value(told);
      } catch {
        return '[its toJSON failed]';
      }
    }
    return isArray(object) ? this.#list(object) : this.#members(object);
  }

  /** @param {any[]} list */
  #list(list) {
    const copy = [];
    const { length } = list;
    let i = 0;
    for (; i < length && this.#items-- > 0; i++)
      copy[i] = this.value(read(list, asText(i))) ?? null;
    if (i < length) copy[i] = `[${length - i} more]`;
    return copy;
  }

  /** @param {any} object @param {readonly string[]} [without] */
  #members(object, without = []) {
    /** @type {any} */
    const copy = {};
    const keys = keysIn(object);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      // That one would change the copy's prototype where somebody assigns it.
      if (key === '__proto__' || isIn(without, key)) continue;
      if (this.#items-- <= 0) {
        copy['…'] = `[${keys.length - i} more]`;
        break;
      }
      const value = this.value(read(object, key));
      if (value === undefined) continue;
      const descriptor = { configurable: true, enumerable: true, writable: true, value };
      defineProperty(copy, this.text(key, MAX_NAME), descriptor);
    }
    return copy;
  }

  /**
   * The fields that an error has of its own.
   * @param {any} error @param {readonly string[]} [without] besides
   * @returns {Record<string, unknown> | undefined} undefined: none
   */
  fields(error, without = []) {
    const copy = this.#members(error, [...TOLD, ...without]);
    return keysOf(copy).length > 0 ? copy : undefined;
  }

  /**
   * @param {any} error @param {number} [depth] how many errors hold this one
   * @param {boolean} [chain] its causes too
   * @returns {Record<string, unknown>}
   */
  error(error, depth = 0, chain = true) {
    const name = read(error, 'name');
    const message = read(error, 'message');
    const stack = read(error, 'stack');
    const code = read(error, 'code');
    const fields = this.fields(error);
    return {
      name: typeof name === 'string' ? this.text(name, MAX_NAME) : 'Error',
      message: typeof message === 'string' ? this.text(message) : '',
      ...(typeof stack === 'string' && { stack: this.text(stack) }),
      ...(typeof code === 'string' && { code: this.text(code, MAX_NAME) }),
      ...(typeof code === 'number' && { code }),
      ...(fields && { fields }),
      ...this.within(error, depth, chain),
    };
  }

  /**
   * The errors within an error: those of an AggregateError, and the chain of causes.
   * @param {any} error @param {number} [depth] @param {boolean} [chain]
   * @returns {{ errors?: unknown[], causes?: unknown[] }}
   */
  within(error, depth = 0, chain = true) {
    if (depth >= MAX_ERROR_DEPTH) return {};
    const list = read(error, 'errors');
    const errors = isArray(list) ? this.#several(list, depth + 1) : [];
    const causes = chain ? this.#causes(error, depth + 1) : [];
    return {
      ...(errors.length > 0 && { errors }),
      ...(causes.length > 0 && { causes }),
    };
  }

  /** @param {any} error @param {number} depth */
  #causes(error, depth) {
    const causes = [];
    let at = read(error, 'cause');
    while (at !== undefined && at !== null && causes.length < MAX_CAUSES) {
      causes[causes.length] = this.#one(at, depth, false);
      at = typeof at === 'object' ? read(at, 'cause') : undefined;
      if (at === error) break;
    }
    return causes;
  }

  /** @param {any[]} list @param {number} depth */
  #several(list, depth) {
    const errors = [];
    const { length } = list;
    for (let i = 0; i < length && this.#errors > 0; i++)
      errors[i] = this.#one(read(list, asText(i)), depth, true);
    if (errors.length < length) errors[errors.length] = `[${length - errors.length} more]`;
    return errors;
  }

  /** @param {any} error @param {number} depth @param {boolean} chain */
  #one(error, depth, chain) {
    if (this.#errors <= 0) return '[too many]';
    this.#errors--;
    if (!isNativeError(error)) return this.value(error) ?? `a ${typeof error}`;
    return this.error(error, depth, chain);
  }
}

module.exports = { Copier };
