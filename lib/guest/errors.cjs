'use strict';
// Turns whatever a handler threw into the payload of an ERROR frame. Every property of it is foreign:
// it may be a getter that throws, a Proxy, endless, or no string at all.

const { types } = require('node:util');
const { byteLength, stringify } = require('./frames.cjs');

const call = Function.prototype.call;
/** @type {(text: string, from: number, to: number) => string} */
const slice = call.bind(String.prototype.slice);
/** @type {(pattern: RegExp, text: string) => any} */
const match = call.bind(RegExp.prototype.exec);
const asText = String;
const { asyncIterator } = Symbol;

const MAX_TEXT = 64 << 10;
const MAX_DETAIL = 4 << 10;
const MAX_FRAME = 1 << 20;
/** Characters of its own fields. */
const MAX_FIELDS = 32 << 10;
/** Stacks of errors within an error that maps are read for. */
const MAX_MAPPED = 8;

// What tells a denied file or connection apart (the host names the key that would allow it).
const SYSTEM_FIELDS = ['errno', 'syscall', 'path', 'dest', 'address', 'port', 'hostname'];

const ALLOCATION =
  /^Array buffer allocation failed|WebAssembly\..*(could not allocate|Out of memory|Unable to grow)|^Out of memory/i;
const ALLOCATION_CODES = [
  'ERR_MEMORY_ALLOCATION_FAILED',
  'ERR_WORKER_OUT_OF_MEMORY',
  'ERR_BUFFER_ALLOCATION_FAILED',
  'ENOMEM',
];

/** What this package's own code throws at a handler reference that names nothing to call. */
class HandlerNotFound extends Error {
  #ours = true;

  /** @param {string} message @param {Record<string, unknown>} details */
  constructor(message, details) {
    super(message);
    this.name = 'HandlerNotFound';
    this.code = 'HANDLER_NOT_FOUND';
    this.details = details;
  }

  /** Runs nothing of a foreign value, as instanceof would. @param {unknown} value */
  static is(value) {
    return typeof value === 'object' && value !== null && #ours in value;
  }
}

/** A chunk of a handler's stream that cannot be sent. */
class ChunkError extends Error {
  #ours = true;

  /** @param {'RESULT_TOO_LARGE' | 'RESULT_NOT_SERIALIZABLE'} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }

  /** @param {unknown} value */
  static is(value) {
    return typeof value === 'object' && value !== null && #ours in value;
  }
}

/** @param {string} text @param {number} max */
function bound(text, max) {
  return text.length <= max ? text : `${slice(text, 0, max)}… (cut, ${text.length} characters)`;
}

/** @param {any} target @param {string} key */
function read(target, key) {
  try {
    return target[key];
  } catch {
    return undefined;
  }
}

/** @param {unknown} value */
function isObject(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** Whether a handler's result is to be sent piece by piece. @param {unknown} value */
function isStream(value) {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof read(value, /** @type {any} */ (asyncIterator)) === 'function'
  );
}

/** A short text for any value, without running more of it than toString. @param {unknown} value */
function show(value) {
  if (typeof value === 'string') return bound(value, MAX_TEXT);
  try {
    const json = typeof value === 'object' ? stringify(value) : undefined;
    return bound(typeof json === 'string' ? json : asText(value), MAX_TEXT);
  } catch {
    return typeof value;
  }
}

/** What a line of a log says of a value: an error's stack, else as show(). @param {unknown} value */
function textOf(value) {
  const stack = isObject(value) ? read(value, 'stack') : undefined;
  return typeof stack === 'string' ? bound(stack, MAX_TEXT) : show(value);
}

/** @param {unknown} error */
function messageOf(error) {
  const message = isObject(error) ? read(error, 'message') : undefined;
  if (typeof message === 'string') return bound(message, MAX_TEXT);
  return typeof error === 'string' ? show(error) : `Not an error was thrown: ${show(error)}`;
}

/** Whether an allocation failed, which V8 and Node tell by message or code. @param {unknown} error */
function isOutOfMemory(error) {
  if (!isObject(error)) return false;
  const code = read(error, 'code');
  for (let i = 0; i < ALLOCATION_CODES.length; i++) if (ALLOCATION_CODES[i] === code) return true;
  const message = read(error, 'message');
  return (
    typeof message === 'string' &&
    read(error, 'name') === 'RangeError' &&
    match(ALLOCATION, bound(message, MAX_DETAIL)) !== null
  );
}

/**
 * The error of a system call that an error stands for: itself, its cause (`fetch failed`), or the
 * first of several (a host with many addresses).
 * @param {any} error
 */
function systemErrorOf(error) {
  let at = error;
  for (let depth = 0; depth < 4 && isObject(at); depth++) {
    if (typeof read(at, 'syscall') === 'string') return at;
    const errors = read(at, 'errors');
    at = isObject(errors) ? read(errors, '0') : read(at, 'cause');
  }
  return error;
}

/**
 * @param {any} error @param {string} phase 'load' or 'execute' @param {string} [origin]
 * @returns {Record<string, unknown>}
 */
function detailsOf(error, phase, origin) {
  /** @type {Record<string, unknown>} */
  const details = { phase };
  if (origin !== undefined) details.origin = origin;
  if (!isObject(error)) return details;
  const code = read(error, 'code');
  if (typeof code === 'string') details.code = bound(code, MAX_DETAIL);
  else if (typeof code === 'number') details.code = code;
  const system = systemErrorOf(error);
  for (let i = 0; i < SYSTEM_FIELDS.length; i++) {
    const value = read(system, SYSTEM_FIELDS[i]);
    if (typeof value === 'string') details[SYSTEM_FIELDS[i]] = bound(value, MAX_DETAIL);
    else if (typeof value === 'number') details[SYSTEM_FIELDS[i]] = value;
  }
  if (details.syscall !== undefined && details.code === undefined)
    details.code = bound(asText(read(system, 'code')), MAX_DETAIL);
  const cause = read(error, 'cause');
  if (cause !== undefined) details.cause = bound(messageOf(cause), MAX_DETAIL);
  return details;
}

/** The same, with the errors within it and fields of its own. @param {any} error @param {any} details */
function addWithin(error, details) {
  if (!isObject(error)) return;
  try {
    // Loaded by a run that fails.
    const { Copier } = require('./plain.cjs');
    const copier = new Copier();
    const { errors, causes } = copier.within(error);
    if (errors !== undefined) details.errors = mapStacks(errors);
    if (causes !== undefined) details.causes = mapStacks(causes);
    const own = new Copier({ characters: MAX_FIELDS });
    const fields = types.isNativeError(error) ? own.fields(error, SYSTEM_FIELDS) : undefined;
    if (fields !== undefined) details.fields = fields;
  } catch {
    // A handler that has broken what it needs loses them.
  }
}

/** @param {any[]} errors the first of which have their places in the sources */
function mapStacks(errors) {
  for (let i = 0; i < errors.length && i < MAX_MAPPED; i++) {
    const { stack } = errors[i];
    if (typeof stack === 'string') errors[i].stack = stackOf(stack, true);
  }
  return errors;
}

/**
 * @param {unknown} stack of something that was thrown
 * @param {boolean} mapped whether its places are those of the sources, where there is a map
 */
function stackOf(stack, mapped) {
  if (typeof stack !== 'string') return '';
  const text = bound(stack, MAX_TEXT);
  try {
    // Loaded by a run that fails; a handler that has broken what it needs loses its own map.
    return mapped ? bound(require('./sourcemap.cjs').mapStack(text), MAX_TEXT) : text;
  } catch {
    return text;
  }
}

/**
 * Where a module cannot be parsed.
 * @param {any} error of that name @param {string} message
 */
function placeOf(error, message) {
  try {
    // Loaded by a run that fails, as the maps of sources are.
    return require('./syntax.cjs').placeOf(error, message);
  } catch {
    return undefined;
  }
}

/**
 * The failure that a value thrown by the handler, or by this package, stands for.
 * @param {any} error @param {string} phase @param {string} [origin]
 */
function describe(error, phase, origin) {
  if (HandlerNotFound.is(error)) {
    return failure('HANDLER_NOT_FOUND', error.message, error.details, error.name, error.stack);
  }
  if (ChunkError.is(error)) {
    const name = error.code === 'RESULT_NOT_SERIALIZABLE' ? 'TypeError' : undefined;
    return failure(error.code, error.message, { phase }, name);
  }
  const name = isObject(error) ? read(error, 'name') : undefined;
  const stack = isObject(error) ? read(error, 'stack') : undefined;
  const outOfMemory = isOutOfMemory(error);
  const message = messageOf(error);
  const details = detailsOf(error, phase, origin);
  if (!outOfMemory) addWithin(error, details);
  const place = name === 'SyntaxError' ? placeOf(error, message) : undefined;
  if (place) {
    const { file, line, column } = place;
    details.file = bound(file, MAX_DETAIL);
    if (line !== undefined) details.line = line;
    if (column !== undefined) details.column = column;
  }
  return failure(
    outOfMemory ? 'MEMORY_LIMIT' : 'HANDLER_ERROR',
    place?.line === undefined ? message : `${message} (${place.file}:${place.line})`,
    details,
    typeof name === 'string' ? bound(name, MAX_DETAIL) : 'Error',
    stackOf(place?.stack ?? stack, !outOfMemory),
  );
}

/**
 * @param {string} code @param {string} message @param {Record<string, unknown>} details
 * @param {string} [name] of what was thrown @param {string} [stack]
 */
function failure(code, message, details, name, stack = '') {
  return { code, name, message, stack, details };
}

/** The payload of the ERROR frame, never over its limit. @param {ReturnType<typeof failure>} what */
function encodeFailure(what) {
  const text = stringify(what);
  if (byteLength(text) <= MAX_FRAME) return text;
  // Escapes make up to six bytes of a character: what tells most stays.
  return stringify({
    ...what,
    message: bound(what.message, MAX_DETAIL),
    stack: bound(what.stack, MAX_DETAIL),
    details: { phase: what.details.phase },
  });
}

module.exports = {
  ChunkError,
  HandlerNotFound,
  bound,
  describe,
  encodeFailure,
  failure,
  isOutOfMemory,
  isStream,
  messageOf,
  read,
  textOf,
};
