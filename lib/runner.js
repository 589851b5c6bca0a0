// SPDX-License-Identifier: MIT
// createSandboxRunner: checks, waits for a place, runs, and ends it all.
import { invalidConfig, parseConfig } from './config.js';
import { describeIsolation } from './confinement.js';
import { refuseDebug } from './debug.js';
import { aborted, describe, disposed, failed, failure } from './errors.js';
import { Events } from './events.js';
import { InProcess } from './inprocess.js';
import { Logs } from './logs.js';
import { Queue } from './queue.js';
import { checkRequest, keepInput } from './request.js';
import { Watch } from './pressure.js';
import { Stats, noteDenial } from './stats.js';
import { startStream } from './stream.js';
import { Subprocess } from './subprocess.js';
import { Telemetry } from './telemetry.js';
import { startClock, Trace } from './trace.js';

/**
 * Of Node.js 20.5 and later; users of an earlier one make do with dispose().
 *
 * @type {typeof Symbol.asyncDispose}
 */
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** @type {import('./index.js').createSandboxRunner} */
export function createSandboxRunner(config = {}) {
  const parsed = parseConfig(config);
  const forced = forcesInProcess(parsed, config);
  return new Runner(parsed, forced || parsed.mode === 'inprocess');
}

/** @param {unknown} error in the host @returns {import('./index.js').ExecutionFailure} */
function unforeseen(error) {
  const { stack } = /** @type {any} */ (error) ?? {};
  const message = `The run failed in the host: ${describe(error)}`;
  return failed(
    failure('PROCESS_CRASHED', message, { ...(typeof stack === 'string' && { stack }) }),
  );
}

let warned = false;

/**
 * Whether dev mode makes runs in-process that would be isolated. Told once, since the variable may come from
 * anywhere (a Dockerfile, an .env file), and refused where the caller has asked for isolation by name.
 *
 * @param {Readonly<import('./config.js').Config>} parsed
 * @param {any} given
 */
function forcesInProcess({ mode, devMode }, given) {
  const variable = process.env.KB_PLUGIN_DEV_MODE === 'true';
  if (mode === 'inprocess' || (!devMode && !variable)) return false;
  const source = devMode ? 'devMode: true' : 'KB_PLUGIN_DEV_MODE=true';
  if (!devMode && given.isolation === 'strict')
    throw invalidConfig([
      {
        path: 'isolation',
        message:
          "is 'strict', and KB_PLUGIN_DEV_MODE=true in the environment would run handlers with no isolation: " +
          'unset it, or leave isolation out',
      },
    ]);
  if (!warned)
    process.emitWarning(
      `${source} runs handlers in this process, with nothing isolated. It is for development only.`,
      { type: 'SandboxWarning', code: 'SBX_DEV_MODE' },
    );
  warned = true;
  return true;
}

/** @typedef {{ handler: any, input: unknown, ctx: any, sink?: import('./stream.js').Sink }} Call */

/** @typedef {ReturnType<typeof checkRequest>} Checked */

class Runner {
  #config;
  #queue;
  #executor;
  #telemetry;
  #stats = new Stats();
  #events = new Events();
  #watch = new Watch();
  /** @type {Promise<void> | undefined} */
  #disposal;

  /** @param {Readonly<import('./config.js').Config>} config @param {boolean} inProcess */
  constructor(config, inProcess) {
    const { concurrency, maxQueue, queueTimeoutMs } = config.execution;
    this.#config = config;
    this.#queue = new Queue(concurrency, maxQueue, queueTimeoutMs);
    this.#executor = inProcess
      ? new InProcess(config)
      : new Subprocess(config, (event) => this.#restarted(event));
    this.#telemetry = new Telemetry(
      config.monitoring.openTelemetry,
      inProcess ? 'inprocess' : 'subprocess',
    );
  }

  /**
   * @param {any} handler
   * @param {unknown} input
   * @param {any} ctx
   * @returns {Promise<import('./index.js').ExecutionResult<any>>}
   */
  run(handler, input, ctx) {
    return this.#observe({ handler, input, ctx });
  }

  /**
   * @param {any} handler
   * @param {unknown} input
   * @param {any} ctx
   * @returns {any}
   */
  stream(handler, input, ctx) {
    return startStream(ctx, (sink, inner) => this.#observe({ handler, input, ctx: inner, sink }));
  }

  /**
   * @param {Call} call
   * @returns {Promise<import('./index.js').ExecutionResult<any>>}
   */
  async #observe(call) {
    const clock = startClock();
    const queuedAt = clock();
    let checked = this.#check(call);
    const loading = this.#telemetry.ready();
    if (loading) {
      const { serialization } = this.#config;
      const problem = 'request' in checked && keepInput(checked.request, serialization);
      if (problem) checked = { error: problem };
      await loading;
    }
    const observed = this.#telemetry.begin(queuedAt, call.ctx);
    /** @type {import('./stats.js').Seen} */
    const seen = { queuedAt, clock };
    // run() never rejects, whatever this machine is not able to.
    const result = await this.#run(checked, call.sink, seen, observed).catch(unforeseen);
    this.#settle(result, seen, observed);
    return result;
  }

  /**
   * Reads all of it: what the caller changes after run() has returned is not sent.
   *
   * @param {Call} call
   * @returns {Checked}
   */
  #check({ handler, input, ctx }) {
    if (this.#disposal) return { error: disposed() };
    const subprocess = this.#executor instanceof Subprocess;
    return checkRequest(handler, input, ctx, this.#config.serialization, subprocess);
  }

  /**
   * @param {Checked} checked
   * @param {import('./stream.js').Sink | undefined} sink
   * @param {import('./stats.js').Seen} seen
   * @param {ReturnType<Telemetry['begin']>} observed
   * @returns {Promise<import('./index.js').ExecutionResult<any>>}
   */
  async #run(checked, sink, seen, observed) {
    const { queuedAt, clock } = seen;
    const { collectMetrics, collectTraces } = this.#config.monitoring;
    const fail = (/** @type {import('./errors.js').SandboxError} */ error) =>
      failed(error, collectMetrics ? { queueMs: clock() - queuedAt } : undefined);
    if (this.#disposal) return fail(disposed());
    if ('error' in checked) return fail(checked.error);
    const subprocess = this.#executor instanceof Subprocess;
    const { serialization } = this.#config;
    const { request } = checked;
    seen.request = request;
    this.#stats.hold(seen);
    const refused = refuseDebug(request, this.#config, subprocess);
    if (refused) return fail(refused);
    const { signal } = request;
    if (signal?.aborted) return fail(aborted(signal.reason));
    observed?.move('waiting');
    if (!this.#queue.tryEnter()) {
      const problem = keepInput(request, serialization);
      if (problem) return fail(problem);
      const refusal = await this.#queue.enter(signal);
      if (refusal) return fail(this.#explain(refusal, signal));
    }
    try {
      if (this.#disposal) return fail(disposed());
      if (signal?.aborted) return fail(aborted(signal.reason));
      seen.admittedAt = clock();
      observed?.move('running');
      const collect = collectTraces || observed?.records === true;
      const trace = new Trace(request.fields, collect, observed?.live, observed?.carried);
      seen.trace = trace;
      const logs = new Logs(this.#config.monitoring, request);
      const start = () => this.#executor.run({ request, trace, queuedAt, clock, logs, seen, sink });
      return await (observed ? observed.with(start) : start());
    } finally {
      this.#queue.release();
    }
  }

  /**
   * @param {import('./index.js').ExecutionResult<any>} result
   * @param {import('./stats.js').Seen} seen
   * @param {ReturnType<Telemetry['begin']>} observed
   */
  #settle(result, seen, observed) {
    const endedAt = seen.clock();
    noteDenial(seen, result);
    this.#stats.settle(seen, result);
    observed?.end(seen, result, endedAt);
    if (!this.#config.monitoring.collectTraces) delete result.traces;
    else if (observed && result.traces) result.traces = observed.rename(result.traces);
    const { request, guest, killed, denied = [] } = seen;
    const requestId = request && String(request.fields.requestId);
    const of = { ...(requestId !== undefined && { requestId }), time: endedAt };
    if (this.#events.has('pressure')) this.#tellPressure(seen, of);
    for (const what of denied) this.#events.emit('denied', { ...of, ...what });
    if (killed)
      this.#events.emit('kill', { ...of, reason: killed, ...(guest?.pid && { pid: guest.pid }) });
    this.#events.emit('run', {
      ...of,
      ...(request && { handler: { file: request.file, export: request.export } }),
      ok: result.ok,
      ...(!result.ok && { code: result.error.code }),
      queuedAt: seen.queuedAt,
      metrics: result.metrics,
    });
  }

  /**
   * @param {import('./stats.js').Seen} seen
   * @param {{ requestId?: string, time: number }} of
   */
  #tellPressure({ pressure }, of) {
    const { pausedMs = 0, lines = 0 } = pressure ?? {};
    if (pausedMs > 0) this.#events.emit('pressure', { ...of, reason: 'paused', pausedMs });
    if (lines > 0) this.#events.emit('pressure', { ...of, reason: 'lines', count: lines });
    const near = this.#watch.descriptors();
    if (near) this.#events.emit('pressure', { time: of.time, reason: 'descriptors', ...near });
  }

  /** @param {import('./index.js').RestartEvent} event */
  #restarted(event) {
    this.#stats.restarted();
    this.#events.emit('restart', event);
  }

  stats() {
    return this.#stats.snapshot(this.#queue, this.#executor);
  }

  /** @type {import('./index.js').SandboxRunner['on']} */
  on(name, listener) {
    this.#events.change('on', name, listener);
    return this;
  }

  /** @type {import('./index.js').SandboxRunner['once']} */
  once(name, listener) {
    this.#events.change('once', name, listener);
    return this;
  }

  /** @type {import('./index.js').SandboxRunner['off']} */
  off(name, listener) {
    this.#events.change('off', name, listener);
    return this;
  }

  isolation() {
    const executor = this.#executor;
    return executor instanceof Subprocess
      ? executor.isolation()
      : describeIsolation(this.#config, false);
  }

  dispose() {
    return (this.#disposal ??= this.#end());
  }

  [asyncDispose]() {
    return this.dispose();
  }

  async #end() {
    this.#queue.close();
    await this.#executor.dispose();
  }

  /**
   * @param {import('./queue.js').Refusal} refusal
   * @param {AbortSignal} [signal]
   */
  #explain(refusal, signal) {
    const { maxQueue, queueTimeoutMs } = this.#config.execution;
    switch (refusal) {
      case 'full':
        return failure(
          'QUEUE_FULL',
          `${maxQueue} runs wait already, as many as execution.maxQueue allows.`,
          { maxQueue },
        );
      case 'timeout':
        return failure(
          'TIMEOUT',
          `The run waited longer than execution.queueTimeoutMs, ${queueTimeoutMs} ms.`,
          { queueTimeoutMs, phase: 'queue' },
        );
      case 'aborted':
        return aborted(signal?.reason);
      default:
        return disposed();
    }
  }
}
