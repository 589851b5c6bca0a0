'use strict';
// What a handler gets as its second argument. Whatever costs time to make is made when it is asked
// for: most handlers ask for none of it.

const { TYPE, age, byteLength, now, sendText, stringify } = require('./frames.cjs');
const { bound, messageOf } = require('./errors.cjs');
const { createLog } = require('./log.cjs');

const { min } = Math;
const { defineProperty, freeze } = Object;

const MAX_SPAN = 64 << 10;
const MAX_SPAN_NAME = 1024;
// The guest's clock starts later than that of its supervisor, by a fork, the guards, an exec and the
// start of Node.js.
const CLOCK_SLACK_MS = 200;
const MAX_TIMER_MS = 2 ** 31 - 1;
const { setInterval, clearInterval } = globalThis;

/**
 * @param {any} request the REQUEST frame
 * @param {() => any} connect makes what speaks to the host, once
 * @returns {any} the caller's fields, and ours
 */
function createContext(request, connect) {
  // The parsed object itself: copying would run a setter for a field named `__proto__`.
  const ctx = request.ctx;
  define(ctx, 'log', createLog(request.structured === true));
  define(ctx, 'trace', createTrace(request));
  define(ctx, 'capabilities', freeze(request.capabilities));
  define(ctx, 'progress', (/** @type {unknown} */ fraction, /** @type {unknown} */ message) =>
    connect().progress(fraction, message),
  );
  if (request.host?.length > 0)
    defineProperty(ctx, 'host', {
      configurable: true,
      enumerable: true,
      get: () => connect().host,
    });
  /** @type {AbortSignal | undefined} */
  let signal;
  defineProperty(ctx, 'signal', {
    configurable: true,
    enumerable: true,
    get: () => (signal ??= createSignal(request.timeoutMs)),
  });
  return ctx;
}

/** @param {object} target @param {string} key @param {unknown} value */
function define(target, key, value) {
  defineProperty(target, key, { configurable: true, enumerable: true, writable: true, value });
}

/**
 * A signal that SIGTERM aborts. Who never asks for it listens to nothing: no listener is installed,
 * and SIGTERM ends the process at once, also in the middle of a loop.
 * @param {number} timeoutMs
 */
function createSignal(timeoutMs) {
  const controller = new AbortController();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let waiting;
  // Node's signal watchers never keep the event loop alive: who has asked for the signal may wait for
  // nothing else, and is told of its deadline all the same.
  process.on('beforeExit', () => {
    if (!controller.signal.aborted) waiting ??= setInterval(() => {}, MAX_TIMER_MS);
  });
  process.once('SIGTERM', () => {
    const late = age() * 1000 >= timeoutMs - min(CLOCK_SLACK_MS, timeoutMs / 2);
    clearInterval(waiting);
    controller.abort(
      late
        ? new DOMException(`The run took longer than ${timeoutMs} ms.`, 'TimeoutError')
        : new DOMException('The run was aborted.', 'AbortError'),
    );
    // `once` has given SIGTERM back to the default action: a second one ends the process.
  });
  return controller.signal;
}

/** @param {any} request */
function createTrace(request) {
  /** The span that code runs in. @type {import('node:async_hooks').AsyncLocalStorage<string> | undefined} */
  let current;
  const parentOf = () => current?.getStore() ?? request.spanId ?? undefined;

  /**
   * Runs `fn` in a span of its own, which ends when what it returns settles.
   * @param {string} name @param {() => any} fn @param {Record<string, unknown>} [attributes]
   */
  function span(name, fn, attributes) {
    if (typeof fn !== 'function') throw new TypeError('ctx.trace.span needs a function to run.');
    if (!request.traces) return fn();
    current ??= new (require('node:async_hooks').AsyncLocalStorage)();
    const what = {
      spanId: require('node:crypto').randomBytes(8).toString('hex'),
      parentSpanId: parentOf() ?? null,
      name: bound(String(name), MAX_SPAN_NAME),
      startTime: now(),
      endTime: 0,
      attributes: { ...attributes },
    };
    /** @param {unknown} error */
    const fail = (error) => {
      sendSpan(what, { error: true, 'error.message': bound(messageOf(error), MAX_SPAN_NAME) });
      throw error;
    };
    let result;
    try {
      result = current.run(what.spanId, fn);
    } catch (error) {
      return fail(error);
    }
    if (typeof result?.then !== 'function') {
      sendSpan(what);
      return result;
    }
    return result.then((/** @type {unknown} */ value) => {
      sendSpan(what);
      return value;
    }, fail);
  }

  return freeze({
    span,
    traceId: request.traceId ?? undefined,
    carrier: freeze(request.carrier ?? {}),
    get spanId() {
      return parentOf();
    },
  });
}

/** @param {any} what @param {Record<string, unknown>} [more] attributes */
function sendSpan(what, more) {
  const done = { ...what, endTime: now(), attributes: { ...what.attributes, ...more } };
  let text;
  try {
    text = stringify(done);
  } catch {}
  if (text === undefined || byteLength(text) > MAX_SPAN) {
    text = stringify({ ...done, attributes: { ...more, 'attributes.dropped': true } });
  }
  sendText(TYPE.SPAN, text);
}

module.exports = { createContext };
