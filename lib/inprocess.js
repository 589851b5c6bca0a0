// SPDX-License-Identifier: MIT
// Runs in the host's own process, for development: the same results, nothing isolated. What a
// handler prints is told apart by the asynchronous context that it prints from.
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { importNewest } from './edits.js';
import { aborted, describe, disposed, failure } from './errors.js';
import guestCharge from './guest/charge.cjs';
import guestErrors from './guest/errors.cjs';
import guestFrames from './guest/frames.cjs';
import guestHost from './guest/host.cjs';
import guestResolve from './guest/resolve.cjs';
import { hostFunctions } from './host.js';
import { Capture, Output, outputs } from './output.js';
import { deserialize, serialize } from './serialize.js';
import { Session } from './session.js';
import { Collector } from './stream.js';
import { now } from './trace.js';

/** @typedef {import('./errors.js').SandboxError} SandboxError */
/** @typedef {'info' | 'warn' | 'error' | 'debug'} Level */

/**
 * @typedef {object} Link
 * @property {Session} session
 * @property {ReturnType<typeof guestHost.createClient>} client
 * @property {unknown[]} [chunks] of a result in pieces
 * @property {(error: SandboxError) => void} fail
 * @property {() => Promise<unknown>} delivered resolves when what was sent has arrived
 * @property {() => void} close
 */

const MIB = 2 ** 20;

/** @type {AsyncLocalStorage<string>} */
const spans = new AsyncLocalStorage();

export class InProcess {
  #config;
  #functions;
  /** What ends each run that is going on. @type {Set<(why: SandboxError) => void>} */
  #running = new Set();

  /** @param {Readonly<import('./config.js').Config>} config */
  constructor(config) {
    this.#config = config;
    this.#functions = hostFunctions(config.host);
  }

  /** None is a process of its own. */
  get guests() {
    return 0;
  }

  get spares() {
    return 0;
  }

  /** What handlers take here is not told apart from the rest. */
  memory() {
    return 0;
  }

  /**
   * @param {import('./subprocess.js').Job} job
   * @returns {Promise<import('./index.js').ExecutionResult<any>>}
   */
  async run(job) {
    const { request, trace, queuedAt, clock } = job;
    const { monitoring } = this.#config;
    const captures = monitoring.collectLogs || job.logs.live;
    const output = new Output(
      monitoring.collectLogs ? monitoring.logBufferSizeMb * MIB : 0,
      job.logs,
    );
    const run = {
      ...job,
      output,
      clock,
      begunAt: clock(),
      marks: { boot: clock(), load: 0, execute: 0 },
      /** @type {unknown[]} */ spans: [],
      controller: new AbortController(),
    };
    const link = this.#link(job, run);
    const before = process.cpuUsage();
    if (captures) Capture.begin();
    const result = await this.#race(run, link, captures);
    link.close();
    if (captures) Capture.end();
    output.finish();
    const endedAt = clock();
    const times = { queued: queuedAt, begun: run.begunAt, ended: endedAt, ...run.marks };
    return {
      ...result,
      metrics: {
        ...this.#metrics(times, process.cpuUsage(before)),
        ...(monitoring.collectMetrics && link.session.metrics()),
      },
      ...(monitoring.collectLogs && { logs: output.lines, logsDropped: output.dropped }),
      ...(trace.collect && {
        traces: trace.spans(times, run.spans, { 'request.id': request.fields.requestId }),
      }),
    };
  }

  async dispose() {
    for (const end of this.#running) end(disposed());
  }

  /**
   * What handler and host say to each other: both halves of a subprocess's, with no socket between.
   *
   * @param {import('./subprocess.js').Job} job
   * @param {{ output: Output }} run
   * @returns {Link}
   */
  #link(job, run) {
    const { execution, serialization } = this.#config;
    const collector = new Collector(execution.maxResultBytes);
    let closed = false;
    /** In the next turn of the event loop, so that calls without end leave it some. @type {(act: () => void) => void} */
    const later = (act) => void setImmediate(() => closed || act());
    const session = new Session({
      config: this.#config,
      functions: this.#functions,
      request: job.request,
      sink: job.sink ?? collector,
      send: (head, body) => {
        const answer = Buffer.concat([head, body]);
        later(() => outputs.run(run.output, () => client.take(answer)));
        return 0;
      },
      fail: (error) => link.fail(error),
    });
    const client = guestHost.createClient({
      names: [...this.#functions.keys()],
      maxCalls: execution.maxHostCalls,
      maxBytes: execution.maxMessageBytes,
      times: serialization === 'advanced' ? guestCharge.ADVANCED : 1,
      encode: (value) => serialize(serialization, value),
      decode: (text) => deserialize(serialization, text),
      send: (frame) =>
        later(() =>
          outputs.exit(() =>
            // Of code that is trusted: what it costs is no matter.
            session.take([frame.subarray(guestFrames.HEADER), frame.length - guestFrames.HEADER]),
          ),
        ),
      hold: () => {},
      release: () => {},
    });
    /** @type {Link} */
    const link = {
      session,
      client,
      chunks: job.sink ? undefined : collector.chunks,
      fail: () => {},
      delivered: () => {
        client.flush();
        return new Promise((resolve) => void setImmediate(resolve));
      },
      close: () => {
        session.end();
        client.lose();
        closed = true;
      },
    };
    return link;
  }

  /**
   * The handler against its deadline, the caller's signal and dispose(). One that loses goes on in
   * the background: only a process can be ended from outside.
   *
   * @param {any} run
   * @param {Link} link
   * @param {boolean} captures
   * @returns {Promise<{ ok: true, data: any } | { ok: false, error: SandboxError }>}
   */
  #race(run, link, captures) {
    const { timeoutMs } = this.#config.execution;
    const { signal } = run.request;
    return new Promise((resolve) => {
      const settle = (/** @type {any} */ result) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#running.delete(end);
        resolve(result);
      };
      const end = (
        /** @type {SandboxError} */ error,
        reason = new DOMException(error.message, 'AbortError'),
      ) => {
        settle({ ok: false, error });
        run.controller.abort(reason);
      };
      const onAbort = () => end(aborted(signal.reason), signal.reason);
      const timer = setTimeout(() => {
        const message = `The run took longer than execution.timeoutMs, ${timeoutMs} ms.`;
        const error = failure('TIMEOUT', message, { timeoutMs, phase: 'run' });
        end(error, new DOMException(message, 'TimeoutError'));
      }, timeoutMs);
      link.fail = end;
      this.#running.add(end);
      signal?.addEventListener('abort', onAbort, { once: true });
      const body = () => this.#execute(run, link);
      (captures ? outputs.run(run.output, body) : body()).then(settle, (error) =>
        settle({ ok: false, error: thrown(error, 'execute') }),
      );
    });
  }

  /**
   * @param {any} run
   * @param {Link} link
   * @returns {Promise<{ ok: true, data: any } | { ok: false, error: SandboxError }>} never rejects
   */
  async #execute(run, link) {
    const { request } = run;
    const { serialization } = this.#config;
    let phase = 'load';
    /** @type {unknown} */
    let value;
    try {
      const file = guestResolve.resolveHandlerFile(request.file, request.root);
      // As the application itself would: with whatever loader it has installed.
      const namespace = await importNewest(file);
      const handler = guestResolve.pickExport(namespace, request.export);
      run.marks.load = run.clock();
      // Its time was over while it loaded: what it would start now, nobody would end.
      run.controller.signal.throwIfAborted();
      phase = 'execute';
      value = await handler(deserialize(serialization, request.input), this.#context(run, link));
      if (guestErrors.isStream(value)) value = await link.client.pump(/** @type {any} */ (value));
      run.marks.execute = run.clock();
    } catch (error) {
      await link.delivered();
      return { ok: false, error: explained(thrown(error, phase), link.session) };
    }
    await link.delivered();
    if (link.session.reading) await link.session.reading;
    if (link.session.streamed && link.chunks) return { ok: true, data: link.chunks };
    return this.#copy(value);
  }

  /**
   * The result as it would come out of another process, so that development meets the same errors.
   *
   * @param {unknown} value
   * @returns {{ ok: true, data: any } | { ok: false, error: SandboxError }}
   */
  #copy(value) {
    const { serialization, execution } = this.#config;
    const limit = execution.maxResultBytes;
    try {
      const text = serialize(serialization, value);
      const bytes = Buffer.byteLength(text);
      if (bytes <= limit) return { ok: true, data: deserialize(serialization, text) };
      const message = `The handler's result is ${bytes} bytes; ${limit} are allowed.`;
      return { ok: false, error: failure('RESULT_TOO_LARGE', message, { bytes, limit }) };
    } catch (error) {
      return { ok: false, error: unserializable(error) };
    }
  }

  /** @param {any} run @param {Link} link */
  #context({ request, trace, output, controller, spans: finished }, { client }) {
    const log =
      (/** @type {Level} */ level) =>
      (/** @type {unknown} */ message, /** @type {unknown} */ fields) =>
        output.log(level, message, fields);
    return {
      ...structuredClone(request.fields),
      signal: controller.signal,
      log: Object.freeze({
        debug: log('debug'),
        info: log('info'),
        warn: log('warn'),
        error: log('error'),
      }),
      trace: Object.freeze({
        traceId: trace.traceId ?? undefined,
        carrier: Object.freeze(trace.carrier),
        get spanId() {
          return spans.getStore() ?? trace.handlerParent ?? undefined;
        },
        span: (
          /** @type {string} */ name,
          /** @type {() => any} */ fn,
          /** @type {object} */ attributes,
        ) => (trace.collect ? runSpan(finished, String(name), fn, attributes) : fn()),
      }),
      progress: client.progress,
      ...(this.#functions.size > 0 && { host: client.host }),
      capabilities: Object.freeze([...this.#config.permissions.capabilities]),
    };
  }

  /**
   * @param {any} times
   * @param {NodeJS.CpuUsage} cpu of the whole process: with other runs at the same time, theirs too
   */
  #metrics({ queued, begun, ended, boot, load, execute }, cpu) {
    const timeMs = ended - begun;
    if (!this.#config.monitoring.collectMetrics) return { timeMs };
    return {
      timeMs,
      cpuMs: (cpu.user + cpu.system) / 1000,
      ...residentMb(),
      userCpuMs: cpu.user / 1000,
      systemCpuMs: cpu.system / 1000,
      phases: {
        queueMs: begun - queued,
        startMs: 0,
        loadMs: (load || ended) - boot,
        executeMs: load ? (execute || ended) - load : 0,
      },
    };
  }
}

/** Not where there is no /proc. */
function residentMb() {
  try {
    return { memMb: process.memoryUsage.rss() / MIB };
  } catch {
    return {};
  }
}

/**
 * As in lib/outcome.js: an uncaught refusal is the configuration's, not the handler's.
 *
 * @param {SandboxError} error
 * @param {Session} session
 * @returns {SandboxError}
 */
function explained(error, session) {
  const [refused] = error.details?.code === 'PERMISSION_DENIED' ? session.denied : [];
  if (!refused || error.code !== 'HANDLER_ERROR') return error;
  const key = 'permissions.capabilities';
  const why = `'${refused[1]}' is not among the capabilities of the run`;
  return {
    ...error,
    code: 'PERMISSION_DENIED',
    message: `${error.message} (${why}; see ${key})`,
    details: { ...error.details, key },
  };
}

/**
 * @param {any[]} finished
 * @param {string} name
 * @param {() => any} fn
 * @param {object} [attributes]
 */
function runSpan(finished, name, fn, attributes) {
  const spanId = randomBytes(8).toString('hex');
  const span = {
    spanId,
    parentSpanId: spans.getStore(),
    name,
    startTime: now(),
    endTime: 0,
    attributes: { ...attributes },
  };
  const end = (/** @type {object} */ more) => {
    span.endTime = now();
    Object.assign(span.attributes, more);
    finished.push(span);
  };
  const fail = (/** @type {unknown} */ error) => {
    end({ error: true, 'error.message': describe(error) });
    throw error;
  };
  /** @type {any} */
  let result;
  try {
    result = spans.run(spanId, fn);
  } catch (error) {
    return fail(error);
  }
  if (typeof result?.then !== 'function') {
    end({});
    return result;
  }
  return result.then((/** @type {unknown} */ value) => {
    end({});
    return value;
  }, fail);
}

/** As lib/guest/bootstrap.cjs has it. @param {unknown} error @returns {SandboxError} */
function unserializable(error) {
  const message = `The handler's result cannot be serialized: ${describe(error)}`;
  const { stack } = /** @type {any} */ (error) ?? {};
  return {
    ...failure('RESULT_NOT_SERIALIZABLE', message, { phase: 'execute' }),
    name: 'TypeError',
    ...(typeof stack === 'string' && { stack }),
  };
}

/**
 * @param {unknown} error
 * @param {string} phase
 * @returns {SandboxError}
 */
function thrown(error, phase) {
  const { code, name, message, stack, details } = guestErrors.describe(error, phase);
  return {
    code: /** @type {SandboxError['code']} */ (code),
    message,
    ...(name && { name }),
    ...(stack && { stack }),
    details,
  };
}
