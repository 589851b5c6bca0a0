'use strict';
// The stack of an error as its sources have it. Maps are read when an error is reported, and not when
// modules are loaded as Node.js does it: a run that does not fail pays nothing. Read with the rights of
// the process that the error was thrown in: a map that a guest may not read is none.

const fs = require('node:fs');
const path = require('node:path');

const { readFileSync, statSync } = fs;
const { resolve, dirname } = path;
const { parse } = JSON;
const { call } = Function.prototype;
/** @type {(text: string, separator: string) => string[]} */
const split = call.bind(String.prototype.split);
/** @type {(pattern: RegExp, text: string) => any} */
const exec = call.bind(RegExp.prototype.exec);
/** @type {(list: string[], separator: string) => string} */
const join = call.bind(Array.prototype.join);
/** @type {(text: string, from: number, to?: number) => string} */
const slice = call.bind(String.prototype.slice);
/** @type {(text: string, what: string) => number} */
const lastIndexOf = call.bind(String.prototype.lastIndexOf);
/** @type {(text: string, what: string) => boolean} */
const startsWith = call.bind(String.prototype.startsWith);
const decode = Buffer.from;

const MAX_LINES = 200;
const MAX_FILES = 16;
const MAX_BYTES = 32 << 20;

/** `    at name (place:line:column)`, the parts around and within the place. */
const FRAME = /^(\s+at (?:.*? \()?)((?:file:\/\/)?\/.+):(\d+):(\d+)(\)?)$/;
const COMMENT = /^\s*\/\/[#@]\s*sourceMappingURL=(\S+)\s*$/;
const INLINE = /^data:application\/json(?:;charset=[^;,]+)?;base64,(.+)$/;
const ABSOLUTE = /^(?:\/|[a-z][a-z0-9+.-]*:)/i;
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;

/** @param {string} file at most MAX_BYTES of it, else nothing */
function readText(file) {
  const stat = statSync(file);
  return stat.isFile() && stat.size <= MAX_BYTES ? readFileSync(file, 'utf8') : '';
}

/** What the last lines of a file say of its map. @param {string} text */
function commentOf(text) {
  let end = text.length;
  for (let lines = 0; lines < 4 && end > 0; lines++) {
    const start = lastIndexOf(slice(text, 0, end), '\n') + 1;
    const found = exec(COMMENT, slice(text, start, end));
    if (found !== null) return found[1];
    end = start - 1;
  }
  return undefined;
}

/** @param {string} file that was executed */
function loadMap(file) {
  const url = commentOf(readText(file));
  if (url === undefined) return undefined;
  const inline = exec(INLINE, url);
  const isFile = inline === null && exec(SCHEME, url) === null;
  if (inline === null && !isFile) return undefined;
  const place = resolve(dirname(file), isFile ? decodeURI(url) : '.');
  const text = inline === null ? readText(place) : decode(inline[1], 'base64').toString('utf8');
  if (text === '' || text.length > MAX_BYTES) return undefined;
  const { SourceMap } = require('node:module');
  const payload = parse(text);
  const root = typeof payload.sourceRoot === 'string' ? payload.sourceRoot : '';
  return { map: new SourceMap(payload), root, base: isFile ? dirname(place) : dirname(file) };
}

/**
 * @param {string} source as the map has it
 * @param {{ root: string, base: string }} map its `sourceRoot`, and the directory that it is in
 */
function placeOf(source, { root, base }) {
  if (root !== '' && exec(ABSOLUTE, source) === null)
    return placeOf(`${root}${root[root.length - 1] === '/' ? '' : '/'}${source}`, {
      root: '',
      base,
    });
  if (startsWith(source, 'file://')) return require('node:url').fileURLToPath(source);
  return exec(SCHEME, source) === null ? resolve(base, source) : source;
}

/** @param {string} place @returns {string} a path */
function pathOf(place) {
  return startsWith(place, 'file://') ? require('node:url').fileURLToPath(place) : place;
}

/**
 * @param {string} line of a stack
 * @param {(file: string) => ReturnType<typeof loadMap>} find
 */
function mapLine(line, find) {
  const frame = exec(FRAME, line);
  if (frame === null) return line;
  const [, before, place, row, column, after] = frame;
  const found = find(pathOf(place));
  if (found === undefined) return line;
  // Both count from 0, and a stack from 1.
  const entry = /** @type {any} */ (found.map.findEntry(row - 1, column - 1));
  if (typeof entry?.originalSource !== 'string') return line;
  const source = placeOf(entry.originalSource, found);
  return `${before}${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}${after}`;
}

/**
 * Never throws: a map that is none leaves the stack as it is.
 *
 * @param {string} stack
 * @returns {string}
 */
function mapStack(stack) {
  try {
    /** @type {Record<string, ReturnType<typeof loadMap> | null>} */
    const maps = { __proto__: null };
    let files = 0;
    const find = (/** @type {string} */ file) => {
      if (maps[file] === undefined) {
        maps[file] = null;
        if (files++ < MAX_FILES) {
          try {
            maps[file] = loadMap(file) ?? null;
          } catch {
            // It cannot be read, or is no map.
          }
        }
      }
      return maps[file] ?? undefined;
    };
    const lines = split(stack, '\n');
    for (let i = 0; i < lines.length && i < MAX_LINES; i++) lines[i] = mapLine(lines[i], find);
    return join(lines, '\n');
  } catch {
    return stack;
  }
}

module.exports = { mapStack };
