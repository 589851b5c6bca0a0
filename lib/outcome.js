// SPDX-License-Identifier: MIT
// From what the addon reports of a run (`Outcome` in src/README.md) to what the caller gets. What the
// guest sent is hostile: it chooses among the codes that are a guest's to choose, and nothing else.
import { ranOutOfMemory, signalDetails } from './crash.js';
import { explainDenial } from './denials.js';
import { describe, failure, HOW_COUNTED, invalid } from './errors.js';
import plain from './guest/plain.cjs';
import guestText from './guest/text.cjs';
import { inTurns, isLong } from './reader.js';
import { build, deserialize } from './serialize.js';

/** @typedef {import('./errors.js').SandboxError} SandboxError */

/**
 * @typedef {object} Run
 * @property {Readonly<import('./config.js').Config>} config
 * @property {SandboxError} [ending] why the host asked the run to end, if it did
 * @property {(why: SandboxError) => void} [end] ends it
 * @property {import('./outdir.js').OutdirWatch} [output] what watches ctx.outdir
 * @property {SandboxError} [left] what is wrong with what it left there
 * @property {() => import('./denials.js').Run} [allowed] what the guest may do
 * @property {() => readonly string[]} [printed] its newest lines
 * @property {import('./session.js').Session} [session] what was said while it ran
 * @property {import('./assembler.js').Assembler} [assembler] of the pieces of a large result
 * @property {unknown[]} [chunks] of a result that came in pieces, where it is put together
 * @property {any} [launcher] that it runs under
 * @property {boolean} [fork] its guest was forked
 * @property {any} [network] what it connected to, as the addon tells
 * @property {import('./lookup.js').Names} [names] that it has looked up
 */

/** Codes that a guest may give itself. */
const GUEST_CODES = new Set([
  'HANDLER_ERROR',
  'HANDLER_NOT_FOUND',
  'RESULT_TOO_LARGE',
  'RESULT_NOT_SERIALIZABLE',
  'MEMORY_LIMIT',
]);

/** @typedef {{ ok: true, data: any } | { ok: false, error: SandboxError }} Result */

/**
 * @param {any} outcome
 * @param {Run} run
 * @returns {Result | Promise<Result>} a promise for one that takes long to read
 */
export function toResult(outcome, run) {
  const error = findFailure(outcome, run);
  if (error) return { ok: false, error };
  if (run.session?.streamed && run.chunks) return { ok: true, data: run.chunks };
  const { result } = outcome;
  outcome.result = null; // It may be large, and is not to be kept beside what is made of it.
  const { assembler } = run;
  const { serialization } = run.config;
  if (isLong(result) || assembler?.waits) return readLong(result, serialization, assembler);
  try {
    const text = typeof result === 'string' ? result : guestText.toText(result);
    return {
      ok: true,
      data: assembler ? assembler.finish(text) : deserialize(serialization, text),
    };
  } catch (cause) {
    return { ok: false, error: unreadable(cause) };
  }
}

/**
 * @param {string | Buffer} result
 * @param {'json' | 'advanced'} serialization
 * @param {import('./assembler.js').Assembler} [assembler]
 * @returns {Promise<Result>}
 */
async function readLong(result, serialization, assembler) {
  try {
    const bytes = typeof result === 'string' ? Buffer.from(result) : result;
    const data = await inTurns(async (turns) => {
      await assembler?.readRest(turns);
      const value = await turns.read(bytes);
      return assembler ? assembler.finish(value) : build(serialization, value);
    });
    return { ok: true, data };
  } catch (cause) {
    return { ok: false, error: unreadable(cause) };
  }
}

/** @param {unknown} cause */
export function unreadable(cause) {
  return crashed(`it sent a result that cannot be read: ${describe(cause)}`);
}

/**
 * In this order, because whatever is above may be the cause of what is below.
 *
 * @param {any} outcome
 * @param {Run} run
 * @returns {SandboxError | undefined}
 */
function findFailure(outcome, run) {
  const { config, ending, left, allowed, printed, session, fork } = run;
  const { kind, reason, result, error, tooLarge, overflow, protocolError } = outcome;
  if (kind === 'setup') return notStarted(outcome, config);
  if (kind === 'launcher-lost') return ending ?? crashed('its launcher ended');
  if (tooLarge) return resultTooLarge(config);
  if (session?.failure) return session.failure;
  if (overflow) return messageTooLarge(config);
  if (protocolError) return crashed(`it broke the protocol: ${protocolError}`);
  if (reason !== 'none') return supervised(outcome, config, ending);
  if (left) return left;
  if (result !== null) return undefined;
  if (error) return guestError(error.toString(), config, allowed);
  // A fork has booted before it is one, and may not have come to say so.
  if (!fork && outcome.marks.boot === 0 && outcome.signal === null) return notBooted(outcome);
  return noAnswer(outcome, config, printed);
}

const MAX_NAME = 4 << 10;
/** Of the details of a guest's error, more than a guest of ours sends. */
const DETAILS = { items: 4000, characters: 512 << 10, depth: 16, text: 128 << 10 };

/** Stages of src/core/err.h in which a guard could not be put in place. */
const GUARD_STAGES = new Set([
  'namespaces',
  'view',
  'privileges',
  'cgroup',
  'landlock',
  'seccomp',
  'rlimits',
]);

/** @param {unknown} stage */
export function isGuardStage(stage) {
  return GUARD_STAGES.has(/** @type {string} */ (stage));
}

/** @param {string} why @param {Record<string, unknown>} [details] */
export function isolationUnavailable(why, details) {
  return failure(
    'ISOLATION_UNAVAILABLE',
    `What the configuration promises cannot be held: ${why}`,
    details,
  );
}

/** @param {any} outcome @param {Readonly<import('./config.js').Config>} config */
function notStarted({ stage, errno, message }, config) {
  const details = { stage, errno };
  if (stage === 'workdir')
    return invalid(`ctx.workdir cannot be entered (${errno}): ${message}`, details);
  if (stage === 'preload') return notPreloaded(message, errno, config);
  if (isGuardStage(stage)) return isolationUnavailable(message, details);
  return failure('PROCESS_CRASHED', `The guest could not be started: ${message}`, details);
}

/**
 * What is preloaded is the handler's code, or its dependencies, and fails as a handler's module does
 * that cannot be loaded.
 *
 * @param {string} why
 * @param {string} errno
 * @param {Readonly<import('./config.js').Config>} config
 */
function notPreloaded(why, errno, { execution }) {
  const { memoryMb, preloadTimeoutMs, maxThreads } = execution;
  if (errno === 'EAGAIN') return threadLimit(maxThreads, { phase: 'preload' });
  if (errno === 'ENOMEM') return memoryLimit(memoryMb, why, { phase: 'preload' });
  const late = errno === 'ETIMEDOUT';
  return failure(late ? 'TIMEOUT' : 'HANDLER_ERROR', `The guest could not be forked: ${why}`, {
    phase: 'preload',
    ...(late && { preloadTimeoutMs }),
  });
}

/**
 * It was ended from outside. That holds even when a result came: it came while the run was being
 * ended.
 *
 * @param {any} outcome
 * @param {Readonly<import('./config.js').Config>} config
 * @param {SandboxError} [ending]
 */
function supervised({ reason, signal, startedAt }, { execution }, ending) {
  const { cpuMs, memoryMb, maxThreads } = execution;
  switch (reason) {
    case 'timeout':
      return timedOut({ execution });
    case 'cpu':
      return failure('CPU_LIMIT', `The run used more CPU time than execution.cpuMs, ${cpuMs} ms.`, {
        cpuMs,
      });
    case 'memory':
      return memoryLimit(memoryMb);
    case 'threads':
      return threadLimit(maxThreads);
    case 'lost':
      return crashed('the process that supervised it was killed', { signal });
    default:
      if (!ending && startedAt === 0) return notInTime(execution);
      return ending ?? crashed('it was ended by its launcher', { signal });
  }
}

/**
 * The addon gives a guest some seconds to start, and its deadline begins then (src/addon/run.c).
 *
 * @param {Readonly<import('./config.js').Config>['execution']} execution
 */
function notInTime({ timeoutMs }) {
  const message = `The guest had not started when execution.timeoutMs, ${timeoutMs} ms, was long over.`;
  return failure('TIMEOUT', message, { timeoutMs, phase: 'start' });
}

/** @param {number} maxThreads @param {Record<string, unknown>} [more] */
function threadLimit(maxThreads, more) {
  const message = `The run had more threads than execution.maxThreads, ${maxThreads}: those of all its processes and workers count.`;
  return failure('THREAD_LIMIT', message, { maxThreads, ...more });
}

/** @param {Pick<Readonly<import('./config.js').Config>, 'execution'>} config */
export function timedOut({ execution: { timeoutMs } }) {
  return failure('TIMEOUT', `The run took longer than execution.timeoutMs, ${timeoutMs} ms.`, {
    timeoutMs,
    phase: 'run',
  });
}

/**
 * @param {string} text of the ERROR frame
 * @param {Readonly<import('./config.js').Config>} config
 * @param {() => import('./denials.js').Run} [allowed]
 * @returns {SandboxError}
 */
function guestError(text, config, allowed) {
  /** @type {any} */
  let sent;
  try {
    sent = JSON.parse(text) ?? {};
  } catch {
    return crashed('it sent an error that cannot be read');
  }
  const { name, message, stack } = sent;
  // It may nest as deep as its frame is long.
  const details = new plain.Copier(DETAILS).value(sent.details);
  if (sent.code === 'MEMORY_LIMIT') return memoryLimit(config.execution.memoryMb, message);
  const known = typeof details === 'object' && details !== null && !Array.isArray(details);
  const said = typeof message === 'string' ? message : 'The handler failed.';
  const code = GUEST_CODES.has(sent.code) ? sent.code : 'HANDLER_ERROR';
  const denial =
    allowed && known && code === 'HANDLER_ERROR'
      ? explainDenial(details, allowed(), said)
      : undefined;
  return {
    code: denial ? 'PERMISSION_DENIED' : code,
    message: denial ? `${said} (${denial.why}; see ${denial.key})` : said,
    ...(typeof name === 'string' && { name: name.slice(0, MAX_NAME) }),
    ...(typeof stack === 'string' && stack !== '' && { stack }),
    ...(known && { details: denial ? { ...details, key: denial.key } : details }),
  };
}

/**
 * Node.js itself did not come up: nothing of the handler's was loaded.
 *
 * @param {any} outcome
 */
function notBooted({ exitCode }) {
  // What ld.so(8) ends with.
  const why = exitCode === 127 ? '; the dynamic loader did not find a library that it needs' : '';
  const said = `Node.js ended with exit code ${exitCode} before it had started${why}`;
  return crashed(said, { exitCode, phase: 'boot' });
}

/**
 * It ended by itself without a result.
 *
 * @param {any} outcome
 * @param {Readonly<import('./config.js').Config>} config
 * @param {() => readonly string[]} [printed]
 */
function noAnswer(outcome, { execution, monitoring }, printed) {
  const { exitCode, signal } = outcome;
  const notice = readNotice(outcome.notice);
  if (signal === null) return handlerExit(exitCode, notice);
  const announced = notice?.kind === 'abort' || notice?.kind === 'signal';
  const lines = printed?.() ?? [];
  if (ranOutOfMemory(outcome, execution.memoryMb, announced, lines))
    return memoryLimit(execution.memoryMb, undefined, { signal });
  const unheard =
    announced || monitoring.collectLogs || lines.length > 0
      ? ''
      : '; what it printed, which may say why, is not collected';
  return crashed(`it was ended by ${signal}${unheard}`, signalDetails(signal, lines));
}

/** @param {Buffer | null} bytes */
function readNotice(bytes) {
  try {
    return bytes ? JSON.parse(bytes.toString()) : undefined;
  } catch {
    return undefined;
  }
}

/** @param {number} exitCode @param {any} notice */
function handlerExit(exitCode, notice) {
  const message =
    notice?.kind === 'dry'
      ? 'The event loop ran dry: nothing is left that could settle the handler’s promise.'
      : `The handler ended its process with exit code ${exitCode} instead of returning.`;
  return failure('HANDLER_EXIT', message, { exitCode });
}

/**
 * @param {number} memoryMb
 * @param {unknown} [cause] what the guest says
 * @param {Record<string, unknown>} [more]
 */
function memoryLimit(memoryMb, cause, more) {
  const why = typeof cause === 'string' ? ` (${cause})` : '';
  const message = `The run needed more memory than execution.memoryMb, ${memoryMb} MiB${why}.`;
  return failure('MEMORY_LIMIT', message, { memoryMb, ...more });
}

/** @param {Readonly<import('./config.js').Config>} config */
function messageTooLarge({ execution: { maxMessageBytes: limit } }) {
  const message = `The guest was ended: a message larger than execution.maxMessageBytes, ${limit} bytes (${HOW_COUNTED}).`;
  return failure('HOST_LIMIT', message, { limit });
}

/** @param {Readonly<import('./config.js').Config>} config */
function resultTooLarge({ execution: { maxResultBytes: limit } }) {
  const message = `The result is larger than execution.maxResultBytes, ${limit} bytes (${HOW_COUNTED}).`;
  return failure('RESULT_TOO_LARGE', message, { limit });
}

/** @param {string} why @param {Record<string, unknown>} [details] */
export function crashed(why, details) {
  return failure('PROCESS_CRASHED', `The guest did not finish: ${why}.`, details);
}

/**
 * The guest's word for when its phases ended, made to lie within the run and in order. A fork that ended
 * while it loaded its handler may not have said that it was ready, which it is from the start.
 *
 * @param {{ boot: number, load: number, execute: number }} marks epoch ms; 0 for what never came
 * @param {{ begunAt: number, endedAt: number, forkedAt: number }} times epoch ms; `forkedAt` 0: it is
 *   no fork, or never was
 */
export function boundMarks({ boot, load, execute }, { begunAt, endedAt, forkedAt }) {
  let earliest = begunAt;
  const bound = (/** @type {number} */ mark) => {
    if (mark > 0) earliest = Math.min(Math.max(mark, earliest), Math.max(endedAt, earliest));
    return mark > 0 ? earliest : 0;
  };
  return { boot: bound(boot || forkedAt), load: bound(load), execute: bound(execute) };
}

/**
 * @param {any} outcome
 * @param {{ queuedAt: number, begunAt: number, endedAt: number }} times epoch ms
 * @param {Readonly<import('./config.js').Config>} config
 * @param {'spawn' | 'fork'} startup
 * @returns {import('./index.js').ExecutionMetrics}
 */
export function toMetrics({ usage, marks, samples }, times, config, startup) {
  const { queuedAt, begunAt, endedAt } = times;
  const timeMs = Math.max(0, endedAt - begunAt);
  if (!config.monitoring.collectMetrics) return { timeMs };
  const { boot, load, execute } = marks;
  const between = (/** @type {number} */ from, /** @type {number} */ to) =>
    from > 0 ? Math.max(0, (to > 0 ? to : endedAt) - from) : 0;
  return {
    timeMs,
    ...(usage && {
      cpuMs: (usage.userUs + usage.systemUs) / 1000,
      memMb: usage.maxRssKb / 1024,
      userCpuMs: usage.userUs / 1000,
      systemCpuMs: usage.systemUs / 1000,
      minorFaults: usage.minorFaults,
      majorFaults: usage.majorFaults,
      voluntarySwitches: usage.voluntarySwitches,
      involuntarySwitches: usage.involuntarySwitches,
    }),
    // A guest has read its input at least: a kernel without the account (TASK_IO_ACCOUNTING) says 0.
    ...(usage?.readChars > 0 && {
      readBytes: usage.readBytes,
      writeBytes: usage.writeBytes,
      readChars: usage.readChars,
      writeChars: usage.writeChars,
    }),
    startup,
    phases: {
      queueMs: begunAt - queuedAt,
      startMs: between(begunAt, boot),
      loadMs: between(boot, load),
      executeMs: between(load, execute),
    },
    ...(config.monitoring.sampleIntervalMs > 0 && {
      samples: samples.map((/** @type {number[]} */ [time, rssKb, cpuUs]) => ({
        time,
        memMb: rssKb / 1024,
        cpuMs: cpuUs / 1000,
      })),
    }),
  };
}

/**
 * @param {any} network of the outcome
 * @param {import('./lookup.js').Names} [names]
 * @returns {import('./index.js').NetworkMetrics[]}
 */
export function toNetwork({ seen, names: refused }, names) {
  return [
    ...seen.map(
      (
        /** @type {[string, number, string, number, number, number, number]} */
        [address, port, verdict, count, counted, bytesSent, bytesReceived],
      ) => {
        const name = names?.of(address);
        return {
          ...(name !== undefined && { name }),
          address,
          port,
          allowed: verdict === 'allowed',
          count,
          ...(counted > 0 && { counted, bytesSent, bytesReceived }),
        };
      },
    ),
    ...refused.map((/** @type {[string, string, number]} */ [name, , count]) => ({
      name,
      allowed: false,
      count,
    })),
  ];
}
