// SPDX-License-Identifier: MIT
// What run() was called with: checked, and taken apart into what travels to the guest and what
// stays with the host.
import path from 'node:path';
import { Bulk } from './bulk.js';
import { describe, invalid } from './errors.js';
import pieces from './guest/pieces.cjs';
import promises from './guest/promises.cjs';
import { serialize } from './serialize.js';

/** The longest path that the kernel takes, less its final zero (limits.h, PATH_MAX). */
const MAX_PATH = 4095;

/** Fields of the context that are the host's alone. */
const HOST_FIELDS = new Set(['signal', 'onLog', 'onInspector', 'onProgress']);

/**
 * @typedef {object} Request
 * @property {string} file
 * @property {string} [found] where `file` is, absolute, once it was looked for and is there
 * @property {string} export
 * @property {string} root what `file` is relative to
 * @property {string} workdir absolute
 * @property {string} [pluginRoot] absolute
 * @property {string} [outdir] absolute
 * @property {Record<string, unknown>} fields of the context, as they travel
 * @property {string} input serialized, but for what is in `bulk`
 * @property {import('./bulk.js').Bulk} [bulk] a large input
 * @property {'inspect' | 'profile'} [debugLevel]
 * @property {boolean} debug whether it is to be debugged in any way
 * @property {(url: string) => void} [onInspector]
 * @property {AbortSignal} [signal]
 * @property {(line: string, level: 'info'|'warn'|'error'|'debug',
 *   entry: import('./index.js').LogEntry) => void} [onLog]
 * @property {(fraction: number, message?: string) => void} [onProgress]
 */

/**
 * @param {any} handler
 * @param {unknown} input
 * @param {any} ctx
 * @param {'json' | 'advanced'} serialization
 * @param {boolean} inPieces whether a large input may be sent so
 * @returns {{ request: Request } | { error: import('./errors.js').SandboxError }}
 */
export function checkRequest(handler, input, ctx, serialization, inPieces) {
  try {
    return takeRequest(handler, input, ctx, serialization, inPieces);
  } catch (error) {
    // A getter or a proxy of the caller's.
    return { error: invalid(`The handler or ctx cannot be read: ${describe(error)}.`) };
  }
}

/** @type {typeof checkRequest} */
function takeRequest(handler, input, ctx, serialization, inPieces) {
  const problem = checkHandler(handler) ?? checkContext(ctx);
  if (problem) return { error: invalid(problem) };
  const debug = ctx.debug === true || ctx.debugLevel !== undefined;
  let text = '';
  /** @type {Bulk | undefined} */
  let bulk;
  try {
    const large = inPieces && serialization === 'json' && !debug ? pieces.split(input) : undefined;
    if (large) bulk = new Bulk(large, input);
    else text = serialize(serialization, input);
  } catch (error) {
    return { error: notSerializable(serialization, error) };
  }
  const taken = takeFields(ctx);
  if (typeof taken === 'string') return { error: invalid(taken) };
  const workdir = path.resolve(ctx.workdir);
  return {
    request: {
      file: handler.file,
      export: handler.export,
      root: path.resolve(workdir, ctx.pluginRoot ?? ''),
      workdir,
      ...(ctx.pluginRoot !== undefined && { pluginRoot: path.resolve(workdir, ctx.pluginRoot) }),
      ...(ctx.outdir !== undefined && { outdir: path.resolve(workdir, ctx.outdir) }),
      fields: taken,
      input: text,
      bulk,
      signal: ctx.signal,
      onLog: ctx.onLog,
      onInspector: ctx.onInspector,
      debugLevel: ctx.debugLevel,
      debug,
      onProgress: ctx.onProgress,
    },
  };
}

/**
 * A run that has to wait may not see what becomes of its input meanwhile.
 *
 * @param {Request} request
 * @param {'json' | 'advanced'} serialization
 * @returns {import('./errors.js').SandboxError | undefined}
 */
export function keepInput({ bulk }, serialization) {
  try {
    bulk?.keep();
    return undefined;
  } catch (error) {
    return notSerializable(serialization, error);
  }
}

/** @param {'json' | 'advanced'} serialization @param {unknown} error */
export function notSerializable(serialization, error) {
  return invalid(
    `The input cannot be serialized as '${serialization}': ${describe(error)}` +
      (serialization === 'json' ? ". With serialization 'advanced' more types can." : '.'),
  );
}

/** @param {any} handler */
function checkHandler(handler) {
  if (typeof handler !== 'object' || handler === null)
    return 'The handler must be an object { file, export }.';
  return checkText(handler.file, 'handler.file') ?? checkText(handler.export, 'handler.export');
}

/** @param {any} ctx */
function checkContext(ctx) {
  if (typeof ctx !== 'object' || ctx === null)
    return 'ctx must be an object { requestId, workdir, … }.';
  const { requestId, workdir, pluginRoot, outdir, signal, debugLevel } = ctx;
  if (signal !== undefined && !isSignal(signal)) return 'ctx.signal must be an AbortSignal.';
  for (const name of ['onLog', 'onInspector', 'onProgress']) {
    if (ctx[name] !== undefined && typeof ctx[name] !== 'function')
      return `ctx.${name} must be a function.`;
  }
  if (debugLevel !== undefined && debugLevel !== 'inspect' && debugLevel !== 'profile')
    return "ctx.debugLevel must be one of: 'inspect', 'profile'.";
  return (
    checkText(requestId, 'ctx.requestId') ??
    checkText(workdir, 'ctx.workdir') ??
    (pluginRoot === undefined ? undefined : checkText(pluginRoot, 'ctx.pluginRoot')) ??
    (outdir === undefined ? undefined : checkText(outdir, 'ctx.outdir'))
  );
}

/** @param {any} signal */
function isSignal(signal) {
  return typeof signal?.aborted === 'boolean' && typeof signal.addEventListener === 'function';
}

/** @param {unknown} text @param {string} name */
function checkText(text, name) {
  if (typeof text !== 'string' || text === '') return `${name} must be a string that is not empty.`;
  if (text.includes('\0')) return `${name} must not contain a NUL character.`;
  if (Buffer.byteLength(text) > MAX_PATH) return `${name} is longer than ${MAX_PATH} bytes.`;
  return undefined;
}

/**
 * The fields that travel: functions stay here, and what is no JSON is an error that names its field.
 *
 * @param {Record<string, unknown>} ctx
 * @returns {Record<string, unknown> | string}
 */
function takeFields(ctx) {
  /** @type {[string, unknown][]} */
  const fields = [];
  for (const name of Object.keys(ctx)) {
    if (HOST_FIELDS.has(name)) continue;
    try {
      const text = promises.toJson(ctx[name]);
      if (text !== undefined) fields.push([name, JSON.parse(text)]);
    } catch (error) {
      return `ctx.${name} cannot be serialized: ${describe(error)}.`;
    }
  }
  return Object.fromEntries(fields);
}
