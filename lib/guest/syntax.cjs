'use strict';
// Where a module cannot be parsed. Of an ES module Node.js keeps the file, the line and its text beside the
// error, and puts them in front of the stack only where the process dies of it, or where a script of
// node:vm throws it: so one does, once more. (Of CommonJS they are there already.)

const { types } = require('node:util');
const { Script } = require('node:vm');

const { call } = Function.prototype;
/** @type {(pattern: RegExp, text: string) => any} */
const exec = call.bind(RegExp.prototype.exec);
/** @type {(text: string, from: number, to?: number) => string} */
const slice = call.bind(String.prototype.slice);
/** @type {(text: string, what: string) => boolean} */
const startsWith = call.bind(String.prototype.startsWith);
const { defineProperty } = Object;
const { max } = Math;
const { deleteProperty } = Reflect;
const global = globalThis;

const KEY = 'kb-sandbox: error';
/** Characters of a line of source that are shown: one of a bundle may be all of it. */
const MAX_SOURCE = 160;

/** Thrown by one of Node.js's loaders, of which no place is told. */
const BY_A_LOADER = /^[^\n]*(?:\n(?! {4}at )[^\n]*)*(?:\n {4}at [^\n]*node:internal\/modules\/|$)/;
/** File and line, the text of the line, the marks below it (not below a very long one). */
const PLACE = /^((?:file:\/\/|\/)[^\n]*):(\d+)\n([^\n]*)\n( *)(\^*)\n+/;
/** What a loader puts in front of what JSON.parse() says. */
const JSON_FILE = /^(\/[^\n]*?\.json): /;

/** What Node.js would print of an error. @param {any} error @param {string} stack */
function decorated(error, stack) {
  defineProperty(global, KEY, { configurable: true, value: error });
  try {
    new Script(`throw globalThis['${KEY}']`, { filename: 'kb-sandbox' }).runInThisContext();
  } catch {
    // It is thrown: that is what this is for.
  } finally {
    deleteProperty(global, KEY);
  }
  const { stack: after } = error;
  return typeof after === 'string' ? after : stack;
}

/** What surrounds a place in a line. @param {string} line @param {number} at @param {number} length */
function excerpt(line, at, length) {
  const from = line.length <= MAX_SOURCE ? 0 : max(0, at - MAX_SOURCE / 2);
  let shown = `${slice(line, from, from + MAX_SOURCE)}\n`;
  for (let i = from; i < at; i++) shown += ' ';
  for (let i = 0; i < length && i < MAX_SOURCE; i++) shown += '^';
  return shown;
}

/** @param {string} place @returns {string} a path */
function pathOf(place) {
  return place[0] === '/' ? place : require('node:url').fileURLToPath(place);
}

/**
 * The place of an error that a module's source has, and its stack with that in front; undefined for any
 * other error. Of JSON that was imported only the file is known.
 * @param {any} error @param {string} message of it
 * @returns {{ file: string, line?: number, column?: number, stack: string } | undefined}
 */
function placeOf(error, message) {
  if (!types.isNativeError(error) || error.name !== 'SyntaxError') return undefined;
  const before = error.stack;
  if (typeof before !== 'string') return undefined;
  const json = exec(JSON_FILE, message);
  if (json !== null) return { file: json[1], stack: before };
  let stack = before;
  if (exec(PLACE, stack) === null && startsWith(stack, 'SyntaxError')) {
    if (exec(BY_A_LOADER, stack) === null) return undefined;
    stack = decorated(error, stack);
  }
  const found = exec(PLACE, stack);
  if (found === null) return undefined;
  const [all, place, row, source, indent, marks] = found;
  const file = pathOf(place);
  const at = marks === '' ? 0 : indent.length;
  return {
    file,
    line: +row,
    ...(marks !== '' && { column: at + 1 }),
    stack: `${file}:${row}\n${excerpt(source, at, marks.length)}\n\n${slice(stack, all.length)}`,
  };
}

module.exports = { placeOf };
