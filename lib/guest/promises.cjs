'use strict';
// A promise that nobody has awaited, in a value that is to travel: JSON makes `{}` of it. Host and guest
// load it.

const { types } = require('node:util');

const { isPromise, isProxy } = types;
const { keys: keysOf, getOwnPropertyDescriptor } = Object;
const { isArray } = Array;
const { call } = Function.prototype;
/** @type {(text: string, what: string) => boolean} */
const includes = call.bind(String.prototype.includes);
/** @type {(pattern: RegExp, text: string) => any} */
const exec = call.bind(RegExp.prototype.exec);
const { stringify } = JSON;
const NativeTypeError = TypeError;

/** Objects that are looked at: a promise behind them stays `{}`. */
const MAX_OBJECTS = 10_000;
const MAX_PATH = 200;
const NAME = /^[A-Za-z_$][\w$]*$/;

/** Whether JSON may have made its text of a promise. @param {string} text */
function isSuspicious(text) {
  return includes(text, '{}');
}

/** @param {string} path @param {string} key @param {boolean} isList */
function step(path, key, isList) {
  if (path.length > MAX_PATH) return path;
  if (isList) return `${path}[${key}]`;
  return exec(NAME, key) ? `${path}.${key}` : `${path}[${stringify(key)}]`;
}

/**
 * The way to a promise in a value, through own properties that are no getters.
 * @param {unknown} value
 * @returns {string | undefined} '' for the value itself, `.items[0]`
 */
function findPromise(value) {
  const queue = [{ at: /** @type {any} */ (value), path: '' }];
  const seen = new Set();
  for (let i = 0; i < queue.length && i < MAX_OBJECTS; i++) {
    const { at, path } = queue[i];
    if (isPromise(at)) return path;
    if (typeof at !== 'object' || at === null || isProxy(at) || seen.has(at)) continue;
    seen.add(at);
    const keys = keysOf(at);
    for (let k = 0; k < keys.length && queue.length < MAX_OBJECTS; k++) {
      const next = getOwnPropertyDescriptor(at, keys[k])?.value;
      if (typeof next === 'object' && next !== null)
        queue[queue.length] = { at: next, path: step(path, keys[k], isArray(at)) };
    }
  }
  return undefined;
}

/** @param {string} path */
function promiseError(path) {
  return new NativeTypeError(
    path === '' ? 'it is a promise: await it' : `it has a promise at ${path}: await it`,
  );
}

/** @param {unknown} value @throws where it has a promise */
function refuse(value) {
  const path = findPromise(value);
  if (path !== undefined) throw promiseError(path);
}

/**
 * @param {unknown} value
 * @returns {string | undefined} JSON; undefined for what it has no words for
 * @throws where it has a promise, and what JSON.stringify does
 */
function toJson(value) {
  const text = stringify(value);
  if (text !== undefined && isSuspicious(text)) refuse(value);
  return text;
}

module.exports = { isSuspicious, promiseError, refuse, toJson };
