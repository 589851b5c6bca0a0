'use strict';
// Lines of a log with a level: ctx.log, console.debug and console.warn. (What console.log and
// console.error print has the level of its stream.) In-process mode loads it as well.

const { TYPE, byteLength, send, stringify } = require('./frames.cjs');
const { types } = require('node:util');
const { bound, messageOf, read, textOf } = require('./errors.cjs');

const { apply } = Reflect;
const { freeze, isFrozen, keys: keysOf } = Object;
const { isNativeError } = types;
const { isArray } = Array;
const { nextTick } = process;
const asText = String;
const fromString = Buffer.from;
const endsWith = Function.prototype.call.bind(String.prototype.endsWith);
const slice = Function.prototype.call.bind(String.prototype.slice);

const LEVELS = freeze({ debug: 0, info: 1, warn: 2, error: 3 });
const MAX_LOG = 1 << 20;
/** A record is one line, and the host splits lines at 64 KiB. */
const MAX_RECORD = 60 << 10;
/** Fields of an object that JSON refuses as a whole. */
const MAX_SALVAGED = 256;
/** What a line begins with that is a record: no text does by chance. */
const RECORD = '\x1e';

/** Loaded when it is asked for: most lines have no error. */
function newCopier() {
  return new (require('./plain.cjs').Copier)({ characters: MAX_RECORD / 6 });
}

/**
 * What JSON has no words for. An error has no properties of its own that JSON would list.
 * @param {string} _key @param {any} value
 */
function replace(_key, value) {
  if (typeof value === 'bigint') return asText(value);
  return isNativeError(value) ? newCopier().error(value) : value;
}

/** Fields as an object, whatever was given. @param {unknown} fields */
function toObject(fields) {
  if (isNativeError(fields)) return { err: fields };
  return typeof fields === 'object' && fields !== null && !isArray(fields)
    ? fields
    : { value: fields };
}

/** @param {unknown} fields @returns {string} JSON of an object, as large as it comes */
function fieldsOf(fields) {
  try {
    return stringify(toObject(fields), replace) ?? '{}';
  } catch (error) {
    return (
      salvage(toObject(fields)) ?? stringify({ unserializable: bound(messageOf(error), 1024) })
    );
  }
}

/** The fields that can be said, and of the others what can. @param {any} fields */
function salvage(fields) {
  try {
    const names = keysOf(fields);
    let text = '';
    for (let i = 0; i < names.length && i < MAX_SALVAGED; i++) {
      const json = salvageField(read(fields, names[i]));
      if (json !== undefined) text += `${text === '' ? '' : ','}${stringify(names[i])}:${json}`;
    }
    return text === '' ? undefined : `{${text}}`;
  } catch {
    return undefined; // A Proxy.
  }
}

/** @param {unknown} value @returns {string | undefined} */
function salvageField(value) {
  try {
    return stringify(value, replace);
  } catch {
    return stringify(newCopier().value(value));
  }
}

/** @param {string} message @param {unknown} fields */
function recordOf(message, fields) {
  const json = fieldsOf(fields);
  // A toJSON of its own makes anything of an object.
  const given = json[0] === '{' ? json : `{"value":${json}}`;
  const record = `{"m":${stringify(message)},"f":${given}}`;
  if (byteLength(record) <= MAX_RECORD) return RECORD + record;
  // Escapes make up to six bytes of a character.
  const short = stringify(bound(message, MAX_RECORD / 6 - 64));
  return `${RECORD}{"m":${short},"f":{"dropped":"They were too large."}}`;
}

/**
 * The text of a LOG frame.
 * @param {unknown} message @param {unknown} fields @param {boolean} structured fields are kept apart
 */
function lineOf(message, fields, structured) {
  const text = typeof message === 'string' ? message : textOf(message);
  if (fields === undefined) return text;
  return structured ? recordOf(text, fields) : `${text} ${fieldsOf(fields)}`;
}

/** @param {number} level @param {string} text */
function sendLog(level, text) {
  // A character of a string is three bytes of UTF-8 at most.
  const fits = byteLength(text) < MAX_LOG;
  const bytes = fromString(`\0${fits ? text : bound(text, MAX_LOG / 3 - 64)}`, 'utf8');
  bytes[0] = level;
  send(TYPE.LOG, bytes, bytes.length);
}

/** @param {boolean} structured */
function createLog(structured) {
  const writer = (/** @type {number} */ level) => {
    return (/** @type {unknown} */ message, /** @type {unknown} */ fields) =>
      sendLog(level, lineOf(message, fields, structured));
  };
  return freeze({
    debug: writer(LEVELS.debug),
    info: writer(LEVELS.info),
    warn: writer(LEVELS.warn),
    error: writer(LEVELS.error),
  });
}

/** Of the console call that is being made, if it has one of its own. @type {number | undefined} */
let level;

/**
 * console.debug and console.warn go through all of Node's console (indentation, colours, a `write`
 * that the handler replaced) and part from the others where the stream is written to.
 */
function levelConsole() {
  for (const name of /** @type {const} */ (['debug', 'warn'])) {
    const original = console[name];
    console[name] = (...args) => {
      level = LEVELS[name];
      try {
        apply(original, console, args);
      } finally {
        level = undefined;
      }
    };
  }
}

/** @param {any} stream stdout or stderr, which is about to be used */
function divertLevels(stream) {
  const { write } = stream;
  if (typeof write !== 'function' || isFrozen(stream)) return;
  stream.write = function (/** @type {any[]} */ ...args) {
    if (level === undefined || typeof args[0] !== 'string') return apply(write, this, args);
    const text = args[0];
    try {
      sendLog(level, endsWith(text, '\n') ? slice(text, 0, text.length - 1) : text);
    } catch {
      return apply(write, this, args); // The handler has closed the data socket.
    }
    const done = args[args.length - 1];
    if (typeof done === 'function') nextTick(done);
    return true;
  };
}

module.exports = { RECORD, createLog, divertLevels, levelConsole, lineOf };
