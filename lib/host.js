// SPDX-License-Identifier: MIT
// The functions of the host that handlers may call, as the configuration names them: checked, with
// the places that each has for calls of all runs of a runner.
import { describe } from './errors.js';
import { Queue } from './queue.js';
import { MAX_TIMER_MS } from './timers.js';

/** What a name of a function is made of: levels with dots between them. */
const NAME = /^[A-Za-z_$][\w$:-]*(?:\.[A-Za-z_$][\w$:-]*)*$/;
const MAX_NAME = 128;
const MAX_FUNCTIONS = 1000;
/** Names that every object has, or that a promise is told by. */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype', 'then', 'toJSON']);
const KEYS = ['call', 'capability', 'schema', 'timeoutMs', 'maxConcurrent'];

/**
 * @typedef {object} HostEntry
 * @property {string} name
 * @property {(context: import('./index.js').HostCallContext, ...args: any[]) => unknown} call
 * @property {string} [capability] without which it is refused
 * @property {(args: unknown[]) => unknown[] | Promise<unknown[]>} [validate] throws an ArgumentError
 * @property {number} [timeoutMs]
 * @property {number} [maxConcurrent]
 */

/** @typedef {HostEntry & { places?: Queue }} HostFunction with what is a runner's own */

/** Arguments that a schema refuses. */
export class ArgumentError extends TypeError {
  code = 'VALIDATION_ERROR';
}

/**
 * @param {unknown} given the configuration's `host`
 * @param {(path: string[], message: string) => void} complain
 * @returns {ReadonlyMap<string, Readonly<HostEntry>>}
 */
export function parseHost(given, complain) {
  /** @type {Map<string, HostEntry>} */
  const entries = new Map();
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    complain([], 'must be an object of functions');
    return entries;
  }
  const names = Object.keys(given);
  if (names.length > MAX_FUNCTIONS)
    complain([], `must not have more than ${MAX_FUNCTIONS} functions`);
  for (const name of names) {
    const problem = checkName(name, names);
    if (problem) complain([name], problem);
    const entry = parseEntry(name, /** @type {any} */ (given)[name], (key, message) =>
      complain(key === '' ? [name] : [name, key], message),
    );
    if (entry) entries.set(name, Object.freeze(entry));
  }
  return entries;
}

/** @param {string} name @param {string[]} names */
function checkName(name, names) {
  if (name.length > MAX_NAME || !NAME.test(name))
    return "must be named like 'get' or 'cache.get': letters, digits, _, $, :, - and dots, 128 at most";
  const steps = name.split('.');
  if (steps[0] === 'call' || steps.some((step) => RESERVED.has(step)))
    return 'has a name that means something else';
  const outer = names.find((other) => name.startsWith(`${other}.`));
  return outer === undefined
    ? undefined
    : `cannot be there, because '${outer}' is a function itself`;
}

/**
 * @param {string} name
 * @param {any} given
 * @param {(key: string, message: string) => void} complain
 * @returns {HostEntry | undefined}
 */
function parseEntry(name, given, complain) {
  if (typeof given === 'function') return { name, call: given };
  if (typeof given !== 'object' || given === null) {
    complain('', 'must be a function, or an object with one as `call`');
    return undefined;
  }
  const { call, capability, schema, timeoutMs, maxConcurrent } = given;
  for (const key of Object.keys(given))
    if (!KEYS.includes(key))
      complain(key, `is not a key that is known; known here: ${KEYS.join(', ')}`);
  if (typeof call !== 'function') complain('call', 'must be a function');
  if (capability !== undefined && (typeof capability !== 'string' || capability === ''))
    complain('capability', 'must be the name of a capability');
  const number = (
    /** @type {string} */ key,
    /** @type {unknown} */ value,
    /** @type {number} */ max,
  ) => {
    if (
      value !== undefined &&
      !(Number.isInteger(value) && Number(value) >= 1 && Number(value) <= max)
    )
      complain(key, `must be a whole number from 1 to ${max}`);
  };
  number('timeoutMs', timeoutMs, MAX_TIMER_MS);
  number('maxConcurrent', maxConcurrent, 1_000_000);
  const validate = schema === undefined ? undefined : toValidate(name, schema);
  if (schema !== undefined && !validate)
    complain(
      'schema',
      'must be a schema: of zod, or of anything else that follows Standard Schema',
    );
  return { name, call, capability, validate, timeoutMs, maxConcurrent };
}

/** @param {string} name @param {any} schema @returns {HostEntry['validate'] | undefined} */
function toValidate(name, schema) {
  const standard = schema?.['~standard'];
  if (typeof standard?.validate === 'function') {
    const take = (/** @type {any} */ result) => {
      if (result.issues) throw refuse(name, result.issues);
      return toList(name, result.value);
    };
    return (args) => {
      const result = standard.validate(args);
      return typeof result?.then === 'function' ? result.then(take) : take(result);
    };
  }
  if (typeof schema?.safeParse === 'function')
    return (args) => {
      const { success, data, error } = schema.safeParse(args);
      if (!success) throw refuse(name, error?.issues ?? []);
      return toList(name, data);
    };
  if (typeof schema?.parse !== 'function') return undefined;
  return (args) => {
    /** @type {unknown} */
    let parsed;
    try {
      parsed = schema.parse(args);
    } catch (error) {
      throw new ArgumentError(`ctx.host.call('${name}'): ${describe(error)}`);
    }
    return toList(name, parsed);
  };
}

/** @param {string} name @param {readonly any[]} issues */
function refuse(name, issues) {
  const texts = issues.slice(0, 8).map((issue) => {
    const steps = (issue?.path ?? []).map((/** @type {any} */ step) => String(step?.key ?? step));
    const at = steps.length > 0 ? `argument ${steps.join('.')}: ` : '';
    return `${at}${describe(issue)}`;
  });
  return new ArgumentError(`ctx.host.call('${name}'): ${texts.join('; ')}`);
}

/** @param {string} name @param {unknown} value */
function toList(name, value) {
  if (Array.isArray(value)) return value;
  throw new Error(`The schema of host function '${name}' is not one of a list of arguments.`);
}

/**
 * @param {ReadonlyMap<string, Readonly<HostEntry>>} entries
 * @returns {ReadonlyMap<string, HostFunction>} of one runner
 */
export function hostFunctions(entries) {
  const functions = new Map();
  for (const [name, entry] of entries)
    functions.set(name, {
      ...entry,
      ...(entry.maxConcurrent !== undefined && {
        places: new Queue(entry.maxConcurrent, Infinity),
      }),
    });
  return functions;
}
