// The 'advanced' serialization: what JSON cannot say (Map, Set, Date, BigInt, typed arrays, Error,
// undefined, -0, cycles …) as text. Host and guest load it. The host decodes hostile text with it, so
// nothing here is native, and what a text announces is checked before anything is built of it.
import { types } from 'node:util';
import { filterArrayIndices, stringify, unflatten } from 'devalue';
import copies from './plain.cjs';
import promises from './promises.cjs';

/**
 * @typedef {object} Limits
 * @property {number} [maxBytes] of text
 * @property {number} [maxDepth] of nesting: a reader's recursion must not overflow its stack
 * @property {number} [maxHoles] summed lengths of sparse arrays: what visits them all takes that long
 * @property {number} [maxDigits] of a BigInt, and of all that are long: V8 takes more than linear time to read one
 * @property {number} [maxErrors] each takes V8 twenty times as long as another object
 * @property {number} [maxErrorText] characters of all of them
 * @property {number} [maxBuffers] each takes it three times as long
 */

/** @type {Required<Limits>} */
export const DEFAULT_LIMITS = Object.freeze({
  maxBytes: Number.MAX_SAFE_INTEGER,
  maxDepth: 1000,
  maxHoles: 1_000_000,
  maxDigits: 100_000,
  maxErrors: 1000,
  maxErrorText: 4 << 20,
  maxBuffers: 10_000,
});
/** A longer BigInt counts among those that are long. */
const LONG_DIGITS = 1000;
const LONG = 10n ** BigInt(LONG_DIGITS);

/** How much there is of what takes long to read. */
class Counts {
  #limits;
  #digits = 0;
  #errors = 0;
  #errorText = 0;
  #buffers = 0;

  /** @param {Required<Limits>} limits */
  constructor(limits) {
    this.#limits = limits;
  }

  /** @param {number} count of a BigInt */
  digits(count) {
    const { maxDigits } = this.#limits;
    if (count > LONG_DIGITS && (this.#digits += count) > maxDigits + LONG_DIGITS) {
      throw new RangeError(`Long BigInts of more than ${maxDigits} digits in all`);
    }
  }

  /** @param {number} length of its text */
  error(length) {
    const { maxErrors, maxErrorText } = this.#limits;
    if (++this.#errors > maxErrors) throw new RangeError(`More than ${maxErrors} errors`);
    if ((this.#errorText += length) > maxErrorText) {
      throw new RangeError(`Errors of more than ${maxErrorText} characters in all`);
    }
  }

  buffer() {
    const { maxBuffers } = this.#limits;
    if (++this.#buffers > maxBuffers) throw new RangeError(`More than ${maxBuffers} buffers`);
  }
}

const SPARSE = -7;
const MAX_CAUSES = 8;
/** Of one error, those of its errors counted. */
const MAX_ERRORS = 256;
const ERRORS = new Map(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [
    type.name,
    type,
  ]),
);
const VIEWS = new Set([
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Float16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'DataView',
]);

/**
 * Text for `value`. Class instances lose their class, views keep what they show of their buffer and
 * no more, promises, functions and symbols are errors.
 * @param {unknown} value @param {Limits} [limits]
 * @returns {string}
 */
export function encode(value, limits) {
  const all = { ...DEFAULT_LIMITS, ...limits };
  const { maxBytes, maxDepth, maxHoles, maxDigits } = all;
  const counts = new Counts(all);
  /** @type {Map<unknown, number>} */
  const depths = new Map();
  let holes = 0;
  /** @type {bigint | undefined} */
  let largest;

  /** @param {unknown} parent @param {unknown} child */
  const descend = (parent, child) => {
    if (typeof child === 'object' && child !== null && !depths.has(child)) {
      const depth = (depths.get(parent) ?? 0) + 1;
      if (depth > maxDepth) throw new RangeError(`It is nested deeper than ${maxDepth} levels`);
      depths.set(child, depth);
    }
    return child;
  };
  const operations = {
    get: (/** @type {any} */ target, /** @type {any} */ key) => descend(target, target[key]),
    *valuesOf(/** @type {any} */ set) {
      for (const item of set) yield descend(set, item);
    },
    /** @returns {Iterable<[any, any]>} */
    *entriesOf(/** @type {any} */ map) {
      for (const [key, item] of map) yield [descend(map, key), descend(map, item)];
    },
    indicesOf: (/** @type {any} */ array) => {
      const indices = filterArrayIndices(Object.keys(array));
      holes += array.length - indices.length;
      if (holes > maxHoles) throw new RangeError(`Its arrays have more than ${maxHoles} holes`);
      return indices;
    },
    toPrimitive: (/** @type {any} */ primitive) => {
      if (typeof primitive === 'bigint') {
        largest ??= 10n ** BigInt(maxDigits);
        if (primitive >= largest || -primitive >= largest) {
          throw new RangeError(`It has a BigInt of more than ${maxDigits} digits`);
        }
        if (primitive > LONG || -primitive > LONG) counts.digits(primitive.toString().length);
      }
      return primitive;
    },
    viewInfo: (/** @type {any} */ view) => {
      counts.buffer();
      let { buffer, byteOffset } = view;
      const { byteLength } = view;
      // What lies around it in the buffer may be anybody's: Node's own pool is one such.
      if (byteLength !== buffer.byteLength || types.isSharedArrayBuffer(buffer)) {
        buffer = new Uint8Array(buffer, byteOffset, byteLength).slice().buffer;
        byteOffset = 0;
      }
      return { buffer, byteOffset, byteLength, length: view.length, bufferByteLength: byteLength };
    },
    shapeOf,
  };

  const text = explain(() => {
    const reduce = (/** @type {unknown} */ item) => {
      const json = reduceError(item);
      if (json !== undefined) counts.error(json.length);
      return json;
    };
    return wellFormed(stringify(value, { Error: reduce }, { operations }));
  });
  if (text.length > maxBytes) throw new RangeError(`It takes more than ${maxBytes} bytes`);
  return text;
}

/**
 * The value of a text that may be hostile; an Error for any that encode() does not make, or that
 * goes over a limit.
 * @param {string} text @param {Limits} [limits]
 * @returns {any}
 */
export function decode(text, limits) {
  const all = { ...DEFAULT_LIMITS, ...limits };
  if (text.length > all.maxBytes) throw new RangeError(`More than ${all.maxBytes} bytes`);
  return decodeValues(JSON.parse(text), limits);
}

/**
 * @param {any} values what JSON.parse makes of such a text @param {Limits} [limits]
 * @returns {any}
 */
export function decodeValues(values, limits) {
  const all = { ...DEFAULT_LIMITS, ...limits };
  if (Array.isArray(values)) inspect(values, all);
  return unflatten(values, { Error: reviveError, ArrayBuffer: reviveBuffer });
}

/**
 * A text is UTF-8 on its way, which has no half of a pair of surrogates: those are escaped, as JSON.stringify
 * does it. They are inside of strings only.
 * @param {string} text
 */
function wellFormed(text) {
  if (/** @type {any} */ (text).isWellFormed()) return text;
  return text.replace(/\p{Surrogate}/gu, (half) => `\\u${half.charCodeAt(0).toString(16)}`);
}

/** @template T @param {() => T} run @returns {T} */
function explain(run) {
  try {
    return run();
  } catch (error) {
    const { path, value } = /** @type {any} */ (error) ?? {};
    if (!(error instanceof Error) || error.name !== 'DevalueError') throw error;
    if (types.isPromise(value)) throw promises.promiseError(path.slice(0, 1024));
    if (!path) throw error;
    throw new TypeError(`${error.message} (at ${path.slice(0, 1024)})`, { cause: error });
  }
}

/**
 * What devalue is to make of an object of no type that it knows.
 * @param {any} object
 * @returns {{ kind: 'not-plain' } | { kind: 'plain' | 'null-proto', keys: string[] }}
 */
function shapeOf(object) {
  if (Object.prototype.toString.call(object) !== '[object Object]') return { kind: 'not-plain' };
  const kind = Object.getPrototypeOf(object) === null ? 'null-proto' : 'plain';
  return { kind, keys: Object.keys(object) };
}

/** @param {unknown} value @returns {string | undefined} JSON, so that it nests nothing */
function reduceError(value) {
  if (typeof value !== 'object' || !types.isNativeError(value)) return undefined;
  const bounds = { causes: MAX_CAUSES, errors: { left: MAX_ERRORS } };
  return JSON.stringify(plainError(value, bounds));
}

/**
 * @param {any} error @param {{ causes: number, errors: { left: number } }} bounds how many causes to follow,
 *   and how many errors of errors there may be in all
 * @returns {object}
 */
function plainError(error, { causes, errors }) {
  const { name, message, stack, code, cause } = error;
  const within = causes > 0 ? { causes: causes - 1, errors } : undefined;
  const inner =
    within && Array.isArray(error.errors) ? takeErrors(error.errors, within) : undefined;
  const fields = new copies.Copier().fields(error, inner ? [] : ['errors']);
  return {
    name: textOr(name, 'Error'),
    message: textOr(message, ''),
    stack: textOr(stack, ''),
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    ...(within && types.isNativeError(cause) && { cause: plainError(cause, within) }),
    ...(inner && { errors: inner }),
    ...(fields && { fields }),
  };
}

/**
 * @param {unknown[]} list @param {{ causes: number, errors: { left: number } }} bounds
 * @returns {object[]} those of its items that are errors
 */
function takeErrors(list, bounds) {
  const taken = [];
  for (let i = 0; i < list.length && bounds.errors.left > 0; i++) {
    bounds.errors.left--;
    if (types.isNativeError(list[i])) taken.push(plainError(list[i], bounds));
  }
  return taken;
}

/** @param {unknown} value @param {string} otherwise */
function textOr(value, otherwise) {
  return typeof value === 'string' ? value : otherwise;
}

/** @param {unknown} json */
function reviveError(json) {
  return buildError(JSON.parse(String(json)), MAX_CAUSES);
}

/** @param {any} plain @param {number} causes @returns {Error} */
function buildError(plain, causes) {
  if (typeof plain !== 'object' || plain === null) throw new Error('Not an error');
  const name = textOr(plain.name, 'Error');
  const errors = Array.isArray(plain.errors) && causes > 0 ? plain.errors : undefined;
  const message = textOr(plain.message, '');
  const error =
    name === 'AggregateError'
      ? new AggregateError([], message)
      : new (ERRORS.get(name) ?? Error)(message);
  /** @param {string} key @param {unknown} value */
  const set = (key, value, enumerable = false) =>
    Object.defineProperty(error, key, { configurable: true, writable: true, enumerable, value });
  if (error.name !== name) set('name', name);
  set('stack', textOr(plain.stack, ''));
  if (typeof plain.code === 'string' || typeof plain.code === 'number') {
    Object.assign(error, { code: plain.code });
  }
  if (plain.cause !== undefined && causes > 0) set('cause', buildError(plain.cause, causes - 1));
  if (errors)
    set(
      'errors',
      errors.map((/** @type {any} */ inner) => buildError(inner, causes - 1)),
    );
  const fields = new copies.Copier().value(plain.fields);
  if (typeof fields === 'object' && fields !== null)
    for (const key of Object.keys(fields))
      if (!Object.hasOwn(error, key)) set(key, fields[key], true);
  return error;
}

/** @param {unknown} base64 */
function reviveBuffer(base64) {
  const bytes = Buffer.from(String(base64), 'base64');
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

/**
 * Throws for values that devalue would recurse into too deep, or take too long over. It walks them
 * in devalue's order, with a stack of its own.
 * @param {any[]} values flattened @param {Required<Limits>} limits
 */
function inspect(values, limits) {
  const seen = new Uint8Array(values.length);
  /** @type {Array<{ list: any[], at: number, step: number }>} */
  const path = [];
  let holes = 0;
  const counts = new Counts(limits);

  /** @param {unknown} index */
  const enter = (index) => {
    if (typeof index !== 'number' || seen[index] !== 0) return;
    seen[index] = 1;
    const value = values[index];
    if (typeof value !== 'object' || value === null) return;
    const children = childrenOf(value, values, limits, counts);
    if (children === undefined) return;
    if (Array.isArray(value) && value[0] === SPARSE) {
      holes += Math.max(0, value[1] - (value.length - 2) / 2);
      if (holes > limits.maxHoles) throw new RangeError(`More than ${limits.maxHoles} holes`);
    }
    if (path.length > limits.maxDepth) {
      throw new RangeError(`Nested deeper than ${limits.maxDepth} levels`);
    }
    path.push(children);
  };

  enter(0);
  while (path.length > 0) {
    const top = path[path.length - 1];
    if (top.at >= top.list.length) {
      path.pop();
    } else {
      const index = top.list[top.at];
      top.at += top.step;
      enter(index);
    }
  }
}

/**
 * Where the indices of what a value holds are; undefined when it holds none.
 * @param {any} value @param {any[]} values @param {Required<Limits>} limits @param {Counts} counts
 */
function childrenOf(value, values, limits, counts) {
  if (!Array.isArray(value)) return { list: Object.values(value), at: 0, step: 1 };
  const [type, first] = value;
  if (type === SPARSE) return { list: value, at: 3, step: 2 };
  if (typeof type !== 'string') return { list: value, at: 0, step: 1 };
  if (type === 'Set' || type === 'Map') return { list: value, at: 1, step: 1 };
  if (type === 'null') return { list: value, at: 2, step: 2 };
  if (type === 'Error') {
    if (typeof first !== 'number' || typeof values[first] !== 'string') {
      throw new TypeError('Malformed Error');
    }
    counts.error(values[first].length);
  } else if (type === 'Object') {
    checkBoxed(values[first], limits, counts);
  } else if (VIEWS.has(type)) {
    if (values[first]?.[0] !== 'ArrayBuffer') throw new TypeError(`Malformed ${type}`);
    checkText(values[first]);
    counts.buffer();
  } else {
    checkText(value);
    if (type === 'BigInt') checkDigits(first, limits, counts);
    if (type === 'ArrayBuffer') counts.buffer();
  }
  return undefined;
}

/** Everything else is a type's name and texts. @param {unknown[]} value */
function checkText(value) {
  if (typeof value[1] !== 'string' || typeof (value[2] ?? '') !== 'string') {
    throw new TypeError(`Malformed ${String(value[0]).slice(0, 64)}`);
  }
}

/** @param {any} value a primitive, or a BigInt @param {Required<Limits>} limits @param {Counts} counts */
function checkBoxed(value, limits, counts) {
  if (typeof value !== 'object' || value === null) return;
  if (value[0] !== 'BigInt') throw new TypeError('Malformed Object');
  checkText(value);
  checkDigits(value[1], limits, counts);
}

/** @param {string} digits @param {Required<Limits>} limits @param {Counts} counts */
function checkDigits(digits, limits, counts) {
  if (digits.length > limits.maxDigits + 1) {
    throw new RangeError(`A BigInt of more than ${limits.maxDigits} digits`);
  }
  counts.digits(digits.length);
}
