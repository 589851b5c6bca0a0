// SPDX-License-Identifier: MIT
// OpenTelemetry, where the application has it: the spans of a run, its place in the application's
// trace, and instruments. @opentelemetry/api is an optional peer: it is loaded once something has
// registered itself with it, and nothing that it does can fail a run.
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { clean } from './logs.js';
import { isId } from './trace.js';

/** @typedef {typeof import('@opentelemetry/api')} Api */
/** @typedef {import('./index.js').ExecutionResult<any>} Result */
/** @typedef {import('./stats.js').Seen} Seen */
/** @typedef {import('./trace.js').Live} Live */

const NAME = '@kb-labs/sandbox';
/** Where the API (any 1.x) keeps what was registered with it. */
const REGISTRY = Symbol.for('opentelemetry.js.api.1');

// What a guest chooses is bounded before anybody is sent it, and has names of its own.
const MAX_HANDLER_SPANS = 128;
const MAX_ATTRIBUTES = 32;
const MAX_ITEMS = 32;
const MAX_NAME = 128;
const MAX_VALUE = 1024;
const MAX_STACK = 8 << 10;
const ATTRIBUTE_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
/** As long as a header may be (https://www.w3.org/TR/baggage/). */
const MAX_CARRIED = 8192;

/** @type {Api | null | undefined} null: it cannot be loaded */
let api;
/** @type {Promise<void> | undefined} */
let loading;

async function load() {
  try {
    api = await import('@opentelemetry/api');
  } catch {
    try {
      // A package manager that gives this package no peers: as the application's main module sees it.
      const require = createRequire(path.resolve(process.argv[1] ?? 'index.js'));
      api = await import(pathToFileURL(require.resolve('@opentelemetry/api')).href);
    } catch {
      api = null;
    }
  }
}

/**
 * @template T
 * @param {() => T} act of foreign code
 * @returns {T | undefined}
 */
function quietly(act) {
  try {
    return act();
  } catch {
    return undefined;
  }
}

/** @param {number} ms epoch @returns {[number, number]} seconds and nanoseconds */
function toTime(ms) {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.min(Math.round((ms - seconds * 1000) * 1e6), 999_999_999)];
}

/** @param {unknown} text @param {number} max */
const short = (text, max) => clean(String(text).slice(0, max));

/** The runs of one runner. */
export class Telemetry {
  #enabled;
  #mode;
  /** @type {{ provider: object, instruments: ReturnType<typeof createInstruments> } | undefined} */
  #meters;

  /** @param {boolean} enabled @param {'subprocess' | 'inprocess'} mode */
  constructor(enabled, mode) {
    this.#enabled = enabled;
    this.#mode = mode;
  }

  /** @returns {Promise<void> | undefined} undefined when there is nothing to wait for */
  ready() {
    if (!this.#enabled || api !== undefined) return undefined;
    if (/** @type {any} */ (globalThis)[REGISTRY] === undefined) return undefined;
    return (loading ??= load());
  }

  /**
   * A run begins, in the context that is active.
   *
   * @param {number} queuedAt epoch ms
   * @param {any} ctx of the caller, not checked yet
   * @returns {Observed | undefined}
   */
  begin(queuedAt, ctx) {
    const loaded = this.#enabled ? api : undefined;
    if (!loaded) return undefined;
    return quietly(
      () => new Observed(loaded, this.#instruments(loaded), this.#mode, queuedAt, ctx),
    );
  }

  /** Meters that were made before a provider was registered stay without effect. @param {Api} loaded */
  #instruments({ metrics, ValueType }) {
    const provider = metrics.getMeterProvider();
    if (this.#meters?.provider !== provider)
      this.#meters = {
        provider,
        instruments: createInstruments(provider.getMeter(NAME, version()), ValueType),
      };
    return this.#meters.instruments;
  }
}

/** @type {string | undefined} */
let ownVersion;
function version() {
  return (ownVersion ??= createRequire(import.meta.url)('../package.json').version);
}

/** @param {import('@opentelemetry/api').Meter} meter @param {Api['ValueType']} ValueType */
function createInstruments(meter, ValueType) {
  const seconds = {
    unit: 's',
    valueType: ValueType.DOUBLE,
    advice: {
      explicitBucketBoundaries: [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
      ],
    },
  };
  const whole = { valueType: ValueType.INT };
  return {
    runs: meter.createCounter('sandbox.runs', {
      ...whole,
      unit: '{run}',
      description: 'Runs that are over, by outcome.',
    }),
    kills: meter.createCounter('sandbox.kills', {
      ...whole,
      unit: '{guest}',
      description: 'Guests that were ended from outside, by reason.',
    }),
    denied: meter.createCounter('sandbox.denied', {
      ...whole,
      unit: '{refusal}',
      description: 'What guests were refused, as far as it is known.',
    }),
    duration: meter.createHistogram('sandbox.run.duration', {
      ...seconds,
      description: 'Wall clock of a run, without the queue.',
    }),
    queueTime: meter.createHistogram('sandbox.queue.duration', {
      ...seconds,
      description: 'How long a run waited for its place.',
    }),
    queueDepth: meter.createUpDownCounter('sandbox.queue.depth', {
      ...whole,
      unit: '{run}',
      description: 'Runs that wait for a place.',
    }),
    active: meter.createUpDownCounter('sandbox.runs.active', {
      ...whole,
      unit: '{run}',
      description: 'Runs that have a place.',
    }),
  };
}

/** One run, as OpenTelemetry is told of it. */
class Observed {
  #api;
  #instruments;
  #mode;
  #span;
  #tracer;
  #context;
  /** @type {'waiting' | 'running' | 'over'} */
  #state = 'over';
  /** The run's place in the trace, for Trace; undefined when nobody traces. @type {Live | undefined} */
  live;
  /** W3C headers beside traceparent. @type {{ tracestate?: string, baggage?: string }} */
  carried = {};

  /**
   * @param {Api} loaded
   * @param {ReturnType<typeof createInstruments>} instruments
   * @param {string} mode
   * @param {number} queuedAt
   * @param {any} ctx
   */
  constructor(loaded, instruments, mode, queuedAt, ctx) {
    const { SpanKind, context, isSpanContextValid, propagation, trace } = loaded;
    this.#api = loaded;
    this.#instruments = instruments;
    this.#mode = mode;
    let parent = context.active();
    let above = trace.getSpanContext(parent);
    // A caller without a span of its own may name one.
    if ((!above || !isSpanContextValid(above)) && isId(ctx?.traceId, 32) && isId(ctx?.spanId, 16)) {
      above = { traceId: ctx.traceId, spanId: ctx.spanId, traceFlags: 1, isRemote: true };
      parent = trace.setSpanContext(parent, above);
    }
    this.#tracer = trace.getTracer(NAME, version());
    const attributes = { 'sandbox.mode': mode };
    const options = { startTime: toTime(queuedAt), kind: SpanKind.INTERNAL, attributes };
    this.#span = this.#tracer.startSpan('sandbox.run', options, parent);
    this.#context = trace.setSpan(parent, this.#span);
    const { traceId, spanId, traceFlags, traceState } = this.#span.spanContext();
    if (isSpanContextValid({ traceId, spanId, traceFlags }))
      this.live = {
        traceId,
        spanId,
        flags: traceFlags,
        // Without a tracer the span is its parent once more.
        ...(above && above.traceId === traceId && { parentSpanId: above.spanId }),
        own: spanId !== above?.spanId,
      };
    const carrier = /** @type {Record<string, unknown>} */ ({});
    quietly(() => propagation.inject(this.#context, carrier));
    this.carried = pickCarried({ tracestate: traceState?.serialize(), ...carrier });
  }

  /** Whether somebody wants the spans of this run. */
  get records() {
    return quietly(() => this.#span.isRecording()) === true && this.live?.own === true;
  }

  /** @template T @param {() => T} act @returns {T} with the run's span as the active one */
  with(act) {
    return this.#api.context.with(this.#context, act);
  }

  /** It waits for a place, has one, or is over. @param {'waiting' | 'running' | 'over'} state */
  move(state) {
    const { queueDepth, active } = this.#instruments;
    const attributes = { 'sandbox.mode': this.#mode };
    const counters = { waiting: queueDepth, running: active, over: undefined };
    quietly(() => counters[this.#state]?.add(-1, attributes));
    this.#state = state;
    quietly(() => counters[state]?.add(1, attributes));
  }

  /**
   * @param {Seen} seen
   * @param {Result} result its spans get the ids that they were exported with
   * @param {number} endedAt epoch ms
   */
  end(seen, result, endedAt) {
    this.move('over');
    quietly(() => this.#measure(seen, result));
    if (this.records) quietly(() => this.#describe(seen, result, endedAt));
    quietly(() => this.#span.end(toTime(endedAt)));
  }

  /** @param {Seen} seen @param {Result} result */
  #measure({ admittedAt, queuedAt, killed, denied, guest }, { ok, error, metrics }) {
    const { runs, kills, duration, queueTime, denied: refusals } = this.#instruments;
    const attributes = {
      'sandbox.mode': this.#mode,
      'sandbox.outcome': ok ? 'OK' : String(error?.code),
      ...(guest && { 'sandbox.startup': guest.startup }),
    };
    runs.add(1, attributes, this.#context);
    if (killed)
      kills.add(1, { 'sandbox.mode': this.#mode, 'sandbox.kill.reason': killed }, this.#context);
    for (const { source, count } of denied ?? [])
      refusals.add(count, { 'sandbox.mode': this.#mode, 'sandbox.denied.source': source });
    if (admittedAt === undefined) return;
    queueTime.record((admittedAt - queuedAt) / 1000, { 'sandbox.mode': this.#mode }, this.#context);
    duration.record(metrics.timeMs / 1000, attributes, this.#context);
  }

  /** @param {Seen} seen @param {Result} result @param {number} endedAt */
  #describe(seen, result, endedAt) {
    const span = this.#span;
    span.setAttributes(attributesOf(seen, result, this.#mode === 'inprocess'));
    if (!result.ok) {
      const { code, name, message, stack } = result.error;
      span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: short(message, 256) });
      const exception = {
        name: short(name ?? code, MAX_NAME),
        message: short(message, MAX_VALUE),
        ...(stack && { stack: stack.slice(0, MAX_STACK) }),
      };
      span.recordException(exception, toTime(endedAt));
    }
    const spans = result.traces ?? [
      { spanId: '', name: 'queue', startTime: seen.queuedAt, endTime: seen.admittedAt ?? endedAt },
    ];
    this.#exportSpans(spans, seen, endedAt);
  }

  /**
   * @param {any[]} spans
   * @param {Seen} seen
   * @param {number} endedAt nothing of a run is after it
   */
  #exportSpans(spans, seen, endedAt) {
    const isHandlers = (/** @type {object} */ span) => seen.trace?.isHandlers(span) === true;
    /** Of those that are exported, by the id that they had. @type {Map<string, any>} */
    const contexts = new Map();
    const add = (/** @type {any} */ sent, /** @type {any} */ child) => {
      if (contexts.has(sent.spanId)) return; // A handler may send what it knows of ours.
      contexts.set(sent.spanId, this.#api.trace.setSpan(this.#context, child));
      this.#renamed.set(sent.spanId, child.spanContext().spanId);
    };
    for (const sent of spans) {
      if (isHandlers(sent) || sent.name === 'run') continue;
      const options = { startTime: toTime(sent.startTime) };
      const child = this.#tracer.startSpan(`sandbox.${sent.name}`, options, this.#context);
      child.end(toTime(sent.endTime));
      add(sent, child);
    }
    const handlers = spans.filter(isHandlers);
    for (const sent of parentsFirst(handlers).slice(0, MAX_HANDLER_SPANS))
      add(sent, this.#exportHandlers(sent, contexts, seen.queuedAt, endedAt));
    if (handlers.length > MAX_HANDLER_SPANS)
      this.#span.setAttribute('sandbox.spans.dropped', handlers.length - MAX_HANDLER_SPANS);
  }

  /**
   * @param {any} sent a span as the guest sent it
   * @param {Map<string, any>} contexts
   * @param {number} from
   * @param {number} to
   */
  #exportHandlers({ attributes = {}, name, parentSpanId, startTime, endTime }, contexts, from, to) {
    const start = Math.min(Math.max(startTime, from), to);
    const options = {
      startTime: toTime(start),
      attributes: { 'sandbox.origin': 'handler', ...handlerAttributes(attributes) },
    };
    const context = contexts.get(parentSpanId) ?? this.#context;
    const child = this.#tracer.startSpan(short(name, MAX_NAME), options, context);
    if (attributes.error === true)
      child.setStatus({
        code: this.#api.SpanStatusCode.ERROR,
        message: short(attributes['error.message'] ?? '', 256),
      });
    child.end(toTime(Math.min(Math.max(endTime, start), to)));
    return child;
  }

  /** From the ids of `result.traces` to those of the exported spans. @type {Map<string, string>} */
  #renamed = new Map();

  /**
   * @param {import('./index.js').TraceSpan[]} spans
   * @returns {import('./index.js').TraceSpan[]} the same with the ids that were exported
   */
  rename(spans) {
    const at = (/** @type {string} */ id) => this.#renamed.get(id) ?? id;
    return spans.map((span) => ({
      ...span,
      spanId: at(span.spanId),
      ...(span.parentSpanId && { parentSpanId: at(span.parentSpanId) }),
    }));
  }
}

/**
 * The W3C headers of a carrier that a guest's environment can hold.
 *
 * @param {Record<string, unknown>} carrier
 * @returns {{ tracestate?: string, baggage?: string }}
 */
function pickCarried(carrier) {
  /** @type {Record<string, string>} */
  const carried = {};
  for (const [key, value] of Object.entries(carrier)) {
    const name = key.toLowerCase();
    if (name !== 'tracestate' && name !== 'baggage') continue;
    if (typeof value !== 'string' || value === '' || value.length > MAX_CARRIED) continue;
    if (/^[\x20-\x7e]*$/.test(value)) carried[name] = value;
  }
  return carried;
}

/**
 * In the names of the semantic conventions for processes and code, where these have one.
 *
 * @param {Seen} seen
 * @param {Result} result
 * @param {boolean} inProcess
 * @returns {import('@opentelemetry/api').Attributes}
 */
function attributesOf({ request, guest, killed }, { ok, error, metrics }, inProcess) {
  return {
    'sandbox.outcome': ok ? 'OK' : error.code,
    ...(!ok && { 'error.type': error.code }),
    ...(killed && { 'sandbox.kill.reason': killed }),
    ...(request && {
      'sandbox.request.id': String(request.fields.requestId),
      'code.file.path': path.resolve(request.root, request.file),
      'code.function.name': request.export,
    }),
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
    'process.executable.path': process.execPath,
    ...(inProcess && { 'process.pid': process.pid }),
    ...(guest && {
      ...(guest.pid && { 'process.pid': guest.pid }),
      'sandbox.startup': guest.startup,
      'process.parent_pid': process.pid,
      ...(guest.startedAt > 0 && { 'process.creation.time': toIso(guest.startedAt) }),
      ...(guest.endedAt > 0 && { 'process.exit.time': toIso(guest.endedAt) }),
      ...(guest.exitCode !== null && { 'process.exit.code': guest.exitCode }),
      ...(guest.signal !== null && { 'sandbox.exit.signal': guest.signal }),
    }),
    ...(metrics.cpuMs !== undefined && { 'sandbox.cpu.time': metrics.cpuMs / 1000 }),
    ...(metrics.memMb !== undefined && { 'sandbox.memory.peak': metrics.memMb * 2 ** 20 }),
  };
}

const toIso = (/** @type {number} */ ms) => new Date(ms).toISOString();

/**
 * A span is exported below one that is exported already. Spans that are below each other, as only a
 * hostile guest sends them, end up below the run.
 *
 * @param {any[]} spans
 */
function parentsFirst(spans) {
  /** @type {Map<string, any[]>} */
  const below = new Map();
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const sorted = spans.filter(({ parentSpanId }) => !ids.has(parentSpanId));
  for (const span of spans)
    if (ids.has(span.parentSpanId))
      below.set(span.parentSpanId, [...(below.get(span.parentSpanId) ?? []), span]);
  const placed = new Set(sorted);
  for (const span of sorted) {
    for (const child of below.get(span.spanId) ?? []) if (!placed.has(child)) sorted.push(child);
    for (const child of below.get(span.spanId) ?? []) placed.add(child);
    below.delete(span.spanId);
  }
  return [...sorted, ...spans.filter((span) => !placed.has(span))];
}

/** @param {Record<string, unknown>} attributes as a guest sent them */
function handlerAttributes(attributes) {
  /** @type {[string, any][]} */
  const kept = [];
  for (const [name, value] of Object.entries(attributes)) {
    if (kept.length === MAX_ATTRIBUTES) break;
    const checked = ATTRIBUTE_NAME.test(name) ? attributeValue(value) : undefined;
    if (checked !== undefined) kept.push([`sandbox.handler.${name}`, checked]);
  }
  return Object.fromEntries(kept);
}

/** @param {unknown} value */
function attributeValue(value) {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'string') return short(value, MAX_VALUE);
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const items = value.slice(0, MAX_ITEMS);
  const kind = typeof items[0];
  if (!['boolean', 'number', 'string'].includes(kind)) return undefined;
  if (!items.every((item) => typeof item === kind)) return undefined;
  return kind === 'string' ? items.map((item) => short(item, MAX_VALUE)) : items;
}
