'use strict';
// The program of a guest that is executed anew: bootstrap.cjs, for less time. Its modules come over
// the data socket in one frame, ahead of the request (lib/program.js), so that none has to be looked
// for, and with what V8 made of them in an earlier guest, so that they need not be compiled.

const { readSync } = require('node:fs');
const { Buffer, isAscii } = require('node:buffer');
const { Script } = require('node:vm');

const FD = 3;
const HEADER = 8;
const VERSION = 1;
const PROGRAM = 4;
const WRAPPER = '(function (exports, require, module, __filename, __dirname) {';

const host = /** @type {any} */ (process);
const { allocUnsafeSlow } = Buffer;
const { apply } = Reflect;
const { latin1Slice, utf8Slice } = /** @type {any} */ (Buffer.prototype);

/** @param {number} length */
function take(length) {
  const bytes = allocUnsafeSlow(length);
  for (let at = 0; at < length;) {
    const count = readSync(FD, bytes, at, length - at, null);
    if (count === 0) throw new Error('The data socket ended inside of the program.');
    at += count;
  }
  return bytes;
}

/** @typedef {{ bytes: Buffer, compiled?: Buffer, script?: Script, module?: { exports: any } }} Unit */

/** By name. @type {Record<string, Unit>} */
const units = { __proto__: /** @type {any} */ (null) };

function receive() {
  const header = take(HEADER);
  if (header[4] !== VERSION || header[5] !== PROGRAM) throw new Error('Expected a program.');
  const frame = take(header.readUInt32LE(0));
  let at = 4 + frame.readUInt32LE(0);
  const next = (/** @type {number} */ length) => frame.subarray(at, (at += length));
  for (const [name, length, compiled] of JSON.parse(frame.toString('latin1', 4, at))) {
    units[name] = { bytes: next(length), ...(compiled > 0 && { compiled: next(compiled) }) };
  }
}

/**
 * What `require` is to the modules of the program: others of it, or what it is everywhere.
 * @param {string} id
 */
function load(id) {
  const unit = units[id];
  if (unit === undefined) return require(id);
  if (unit.module !== undefined) return unit.module.exports;
  const module = (unit.module = { exports: {} });
  const { bytes, compiled } = unit;
  const text = apply(isAscii(bytes) ? latin1Slice : utf8Slice, bytes, []);
  const filename = `${__dirname}/${id.slice(2)}`;
  const script = new Script(`${WRAPPER}${text}\n})`, {
    filename,
    columnOffset: -WRAPPER.length,
    cachedData: compiled,
  });
  unit.script = script;
  const { exports } = module;
  apply(script.runInThisContext(), exports, [exports, load, module, filename, __dirname]);
  return module.exports;
}

/**
 * What ends this process once its outcome is sent. Nothing that Node.js does then is of use to
 * anybody, and it takes a millisecond; but a library that was loaded may have something to write, and
 * so may a profiler.
 */
function quickExit() {
  const { dlopen, pid } = host;
  const kill = host._kill.bind(process);
  const exit = host.reallyExit.bind(process);
  let quick = !process.execArgv.some((flag) => /^--(cpu-prof|heap-prof|inspect|trace)/.test(flag));
  host.dlopen = (/** @type {any[]} */ ...args) => {
    quick = false;
    return apply(dlopen, process, args);
  };
  return (/** @type {number} */ code) => {
    if (quick) kill(pid, 9);
    exit(code);
  };
}

/** What V8 made of the program in this process, by module, in base64. */
function compiled() {
  /** @type {Record<string, string>} */
  const result = {};
  for (const name of Object.keys(units)) {
    const { script } = units[name];
    if (script !== undefined) result[name] = script.createCachedData().toString('base64');
  }
  return result;
}

module.exports = { compiled };

receive();
const exit = quickExit();
const { prepare, run } = load('./bootstrap.cjs');
prepare();
run(exit);
