// SPDX-License-Identifier: MIT
// Spans of a run, with ids of the W3C Trace Context (https://www.w3.org/TR/trace-context/).
import { randomBytes } from 'node:crypto';

/** @typedef {import('./index.js').TraceSpan} TraceSpan */

const MAX_NAME = 1024;

/** Drift in milliseconds beyond which `origin` is set anew; Date.now() cuts off up to one. */
const MAX_DRIFT_MS = 2;

// As they were when this was loaded: tests of an application put others in their place.
const today = Date.now;
const monotonic = performance.now.bind(performance);

let origin = performance.timeOrigin;

/** Milliseconds on a clock that nobody sets: for durations. */
export const steady = () => monotonic();

/** Whole milliseconds since 1970, as files have them. */
export const wallTime = () => today();

/**
 * Milliseconds since 1970, with fractions. What a launcher and a guest report is read from the
 * system's clock; `performance.timeOrigin` alone would part from it when somebody sets that clock,
 * and whenever the machine sleeps.
 */
export function now() {
  for (let tries = 0; tries < 10; tries++) {
    const before = monotonic();
    const wall = today() + 0.5;
    const after = monotonic();
    if (after - before > 1) continue; // Somebody else ran in between: the two do not compare.
    if (Math.abs(wall - (origin + after)) > MAX_DRIFT_MS) origin = wall - after;
    break;
  }
  return origin + monotonic();
}

/**
 * The clock of one run: it starts with now(), and goes on steadily when somebody sets the system's.
 *
 * @typedef {() => number} Clock
 * @returns {Clock}
 */
export function startClock() {
  const start = now() - monotonic();
  return () => start + monotonic();
}

/**
 * When a run ended, as its supervisor says by the system's clock, which may have been set since it began.
 *
 * @param {number} said epoch ms; 0: nothing
 * @param {number} begunAt
 * @param {number} latest
 */
export function endOf(said, begunAt, latest) {
  const likely = said >= begunAt - MAX_DRIFT_MS && said <= latest + MAX_DRIFT_MS;
  return likely ? said : latest;
}

/** @param {unknown} id @param {number} digits */
export const isId = (id, digits) =>
  typeof id === 'string' && id.length === digits && /^[0-9a-f]+$/.test(id) && !/^0+$/.test(id);

/**
 * A run's span that somebody else keeps (lib/telemetry.js). `own`: it is a span of its own, and not its
 * parent's once more.
 *
 * @typedef {{ traceId: string, spanId: string, flags: number, parentSpanId?: string, own: boolean }} Live
 */

/** One run's place in a trace. */
export class Trace {
  #flags;
  #live;
  /** Spans that came from the handler. @type {WeakSet<object>} */
  #handlers = new WeakSet();

  /**
   * @param {{ traceId?: unknown, spanId?: unknown }} ctx of the caller: its span becomes the parent
   * @param {boolean} collect whether spans are made
   * @param {Live} [live] beats `ctx`
   * @param {{ tracestate?: string, baggage?: string }} [carried] W3C headers for the guest
   */
  constructor(ctx, collect, live, carried = {}) {
    const above = live && !live.own ? live : undefined;
    const continued = isId(ctx.traceId, 32);
    this.collect = collect;
    this.carried = carried;
    this.#live = live?.own ? live : undefined;
    this.#flags = live ? live.flags & 1 : 1;
    /** @type {string | null} */
    this.traceId = live?.traceId ?? (continued ? String(ctx.traceId) : collect ? newId(16) : null);
    /** @type {string | null} */
    this.parentSpanId = live
      ? (above?.spanId ?? live.parentSpanId ?? null)
      : continued && isId(ctx.spanId, 16)
        ? String(ctx.spanId)
        : null;
    // Without spans nobody sees an id of one.
    this.runSpanId = this.#live?.spanId ?? (collect ? newId(8) : '');
    this.executeSpanId = collect ? newId(8) : '';
  }

  /**
   * The span that the handler's own spans are below. OpenTelemetry gives a span its id when it starts,
   * and that of `execute` is made up when it is over: there it is the run's.
   */
  get handlerParent() {
    if (this.#live) return this.runSpanId;
    return this.collect ? this.executeSpanId : this.parentSpanId;
  }

  /** For the guest's environment; empty when there is no trace to continue. */
  get traceparent() {
    return this.traceId && this.handlerParent
      ? `00-${this.traceId}-${this.handlerParent}-0${this.#flags}`
      : '';
  }

  /** What an extract() of OpenTelemetry reads. @returns {Record<string, string>} */
  get carrier() {
    const { traceparent } = this;
    return { ...(traceparent && { traceparent }), ...this.carried };
  }

  /** For the guest's environment, beside the traceparent. @returns {Record<string, string>} */
  get environment() {
    const { tracestate, baggage } = this.carried;
    return { ...(tracestate && { TRACESTATE: tracestate }), ...(baggage && { BAGGAGE: baggage }) };
  }

  /**
   * @param {{ queued: number, begun: number, boot: number, load: number, execute: number,
   *   ended: number }} times epoch ms; 0 for what never came
   * @param {unknown[]} handlerSpans as the guest sent them, hostile
   * @param {Record<string, unknown>} attributes of the run
   * @returns {TraceSpan[]}
   */
  spans(times, handlerSpans, attributes) {
    const span = (
      /** @type {string} */ name,
      /** @type {number} */ startTime,
      /** @type {number} */ endTime,
      spanId = newId(8),
      parentSpanId = this.runSpanId,
    ) => ({ traceId: String(this.traceId), spanId, parentSpanId, name, startTime, endTime });
    const { queued, begun, boot, load, execute, ended } = times;
    /** @type {TraceSpan[]} */
    const spans = [
      {
        traceId: String(this.traceId),
        spanId: this.runSpanId,
        ...(this.parentSpanId && { parentSpanId: this.parentSpanId }),
        name: 'run',
        startTime: queued,
        endTime: ended,
        attributes,
      },
      span('queue', queued, begun),
      span('start', begun, boot || ended),
    ];
    if (boot) spans.push(span('load', boot, load || ended));
    if (load) spans.push(span('execute', load, execute || ended, this.executeSpanId));
    for (const sent of handlerSpans) {
      const checked = this.#check(sent);
      if (!checked) continue;
      this.#handlers.add(checked);
      spans.push(checked);
    }
    return spans;
  }

  /** Whether one of spans() came from the handler. @param {object} span */
  isHandlers(span) {
    return this.#handlers.has(span);
  }

  /**
   * @param {any} sent
   * @returns {TraceSpan | undefined} undefined for what is no span
   */
  #check(sent) {
    if (typeof sent !== 'object' || sent === null || !isId(sent.spanId, 16)) return undefined;
    const { spanId, parentSpanId, name, startTime, endTime, attributes } = sent;
    if (typeof name !== 'string' || !Number.isFinite(startTime) || !Number.isFinite(endTime))
      return undefined;
    return {
      traceId: String(this.traceId),
      spanId,
      parentSpanId:
        isId(parentSpanId, 16) && parentSpanId !== this.runSpanId
          ? parentSpanId
          : this.executeSpanId,
      name: name.slice(0, MAX_NAME),
      startTime,
      endTime,
      ...(typeof attributes === 'object' && attributes !== null && { attributes }),
    };
  }
}

/** @param {number} bytes */
function newId(bytes) {
  return randomBytes(bytes).toString('hex');
}
