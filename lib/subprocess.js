// SPDX-License-Identifier: MIT
// Runs in processes of their own: one launcher per runner, started with its first run and started
// again when it was lost.
import fs from 'node:fs';
import { Assembler } from './assembler.js';
import { loadBinding } from './binding.js';
import { describeIsolation } from './confinement.js';
import { debugFiles, planDebug } from './debug.js';
import { aborted, describe, disposed, failed, failure, invalid } from './errors.js';
import guestResolve from './guest/resolve.cjs';
import { TooMuchHidden } from './hidden.js';
import { inspected } from './inspector.js';
import { Launchers } from './launchers.js';
import { warnOwnPackage } from './own-package.js';
import { Names, lookups } from './lookup.js';
import {
  boundMarks,
  crashed,
  isGuardStage,
  isolationUnavailable,
  timedOut,
  toMetrics,
  toNetwork,
  toResult,
  unreadable,
} from './outcome.js';
import { OutdirWatch, OutdirRefused } from './outdir.js';
import { askGuards } from './probe.js';
import { keepInput, notSerializable } from './request.js';
import { runtimeProblem } from './runtime.js';
import { Session } from './session.js';
import { Shown } from './shown.js';
import { Spares } from './spares.js';
import { Startups } from './startups.js';
import { noteOutcome } from './stats.js';
import { nameTaskLimit } from './tasks.js';
import { Collector } from './stream.js';
import { Terms } from './terms.js';
import { endOf } from './trace.js';
import { Trials } from './trials.js';

/**
 * @typedef {object} Job
 * @property {import('./request.js').Request} request
 * @property {import('./trace.js').Trace} trace
 * @property {number} queuedAt epoch ms
 * @property {import('./trace.js').Clock} clock
 * @property {import('./logs.js').Logs} logs
 * @property {import('./stats.js').Seen} seen
 * @property {import('./stream.js').Sink} [sink] where the chunks of its result go; left out: into it
 */

/** @typedef {import('./startups.js').PlannedRun} PlannedRun */

/**
 * @typedef {{ view: import('./view.js').HandlerView, output?: OutdirWatch, error?: undefined }
 *   | { view?: undefined, output?: undefined, error: import('./errors.js').SandboxError }} Looked
 */

/** A package that takes longer to look at is on a file system that hangs. */
const LOOK_PATIENCE_MS = 60_000;

export class Subprocess {
  #config;
  #onRestart;
  /** @type {Terms} */
  #terms;
  #launchers;
  #startups;
  #trials;
  #spares;
  /** Of the one run that this is for. @type {import('./debug.js').Plan | undefined} */
  #plan;
  /** What runs are debugged in. @type {Map<Subprocess, Promise<unknown>>} */
  #debugged = new Map();
  #disposed = false;
  /** What the user should know of the runs that there were. @type {string[]} */
  #warnings = [];
  /** What this machine did not let runs have, as the last one has shown. */
  #shown = new Shown();
  /** What ends each run that is going on. @type {Set<(why: import('./errors.js').SandboxError) => void>} */
  #running = new Set();
  /** The same of those for which other threads look at files first. @type {Set<(why: import('./errors.js').SandboxError) => void>} */
  #looking = new Set();

  /**
   * @param {Readonly<import('./config.js').Config>} config
   * @param {(event: import('./index.js').RestartEvent) => void} onRestart
   * @param {{ of: Subprocess, plan: import('./debug.js').Plan }} [debugged] for a run of another
   */
  constructor(config, onRestart, debugged) {
    this.#config = config;
    this.#onRestart = onRestart;
    this.#plan = debugged?.plan;
    this.#terms = new Terms(config, debugged?.plan, debugged && debugged.of.#terms);
    this.#launchers = new Launchers(this.#terms, onRestart);
    this.#startups = new Startups(config.execution.preload, this.#terms.files);
    this.#trials = new Trials(config, this.#terms, this.#launchers, this.#startups, {
      enter: (end) => this.#running.add(end),
      leave: (end) => this.#leave(end),
    });
    this.#spares = new Spares(config, this.#terms, this.#launchers, () => this.#running.size);
  }

  /**
   * @param {Job} job
   * @returns {Promise<import('./index.js').ExecutionResult<any>>}
   */
  async run(job) {
    const plan =
      this.#plan ?? (job.request.debug ? await planDebug(job.request, this.#config) : undefined);
    // A report needs nothing but the guest's will to write it.
    if (plan && !this.#plan && plan.level !== undefined) return this.#runDebugged(job, plan);
    const result = await this.#runOnce(job, plan);
    const files = plan ? await debugFiles(plan) : [];
    return files.length ? { ...result, debugFiles: files } : result;
  }

  /**
   * @param {Job} job
   * @param {import('./debug.js').Plan} plan
   */
  async #runDebugged(job, plan) {
    const own = new Subprocess(this.#config, this.#onRestart, { of: this, plan });
    const run = own.run(job).finally(() => own.dispose());
    this.#debugged.set(own, run);
    try {
      return await run;
    } finally {
      this.#debugged.delete(own);
    }
  }

  /**
   * @param {Job} job
   * @param {import('./debug.js').Plan} [plan]
   * @returns {Promise<import('./index.js').ExecutionResult<any>>}
   */
  async #runOnce(job, plan) {
    const { clock } = job;
    const begunAt = clock();
    const { binding, problem } = loadBinding();
    if (!binding) return failed(failure('UNSUPPORTED_PLATFORM', String(problem)));
    const unfit = runtimeProblem(this.#config.runtime);
    if (unfit) return failed(failure('UNSUPPORTED_PLATFORM', unfit));
    const absent = findHandler(job.request);
    if (absent) return failed(absent);
    const looked = this.#lookAhead(binding, job.request);
    const { view, output, error: late } = looked instanceof Promise ? await looked : looked;
    if (late) return failed(late, { startMs: clock() - begunAt });
    if (view.home !== undefined && this.#warnings.length === 0) this.#warn(view.home);
    const { broken, failure: launcherFailure } = this.#terms.confine(binding.launcher);
    if (launcherFailure) {
      const error = crashed(launcherFailure.message, { launcher: launcherFailure });
      nameTaskLimit(error);
      return failed(error);
    }
    if (broken.length && this.#config.isolation === 'strict')
      return failed(isolationUnavailable(broken.join('; ')));
    /** @type {PlannedRun} */
    const run = { config: this.#config, output, ...this.#planRun(binding, job.request, view) };
    if (run.failure) return failed(run.failure, { startMs: clock() - begunAt });
    /** @type {any} */
    let outcome;
    try {
      outcome = await this.#start(binding, job, run, plan);
    } catch (error) {
      const { code, errno, syscall } = /** @type {any} */ (error);
      const details = { errorCode: code, errno, syscall };
      const crash = crashed(`it could not be started: ${describe(error)}`, details);
      nameTaskLimit(crash);
      return failed(crash, { startMs: clock() - begunAt });
    }
    const times = {
      queuedAt: job.queuedAt,
      begunAt,
      endedAt: endOf(outcome.endedAt, begunAt, clock()),
    };
    run.network = outcome.network;
    noteOutcome(job.seen, outcome, run);
    if (run.session?.reading) await run.session.reading;
    run.session?.end();
    if (output && outcome.kind === 'exit' && outcome.reason === 'none')
      run.left = await output.check();
    outcome.marks = boundMarks(outcome.marks, {
      ...times,
      forkedAt: run.fork ? outcome.startedAt : 0,
    });
    run.printed = () => job.logs.newest(outcome.logs);
    const read = toResult(outcome, run);
    const result = read instanceof Promise ? await read : read;
    this.#startups.learn(job.request, run, outcome, result, binding.zygote);
    if (outcome.kind === 'launcher-lost' && !result.ok)
      await this.#explainLoss(result.error, run.launcher);
    if (!result.ok) nameTaskLimit(result.error, outcome, run.fork);
    this.#shown.note(outcome, result, run.fork);
    return {
      ...result,
      metrics: this.#metrics(outcome, times, run),
      ...this.#extras(job, outcome, times, result),
    };
  }

  /**
   * @param {any} outcome
   * @param {{ queuedAt: number, begunAt: number, endedAt: number }} times
   * @param {PlannedRun} run
   */
  #metrics(outcome, times, run) {
    const { collectIsolation, collectNetwork } = this.#config.monitoring;
    return {
      ...toMetrics(outcome, times, this.#config, run.fork ? 'fork' : 'spawn'),
      ...(collectNetwork && outcome.network && { network: toNetwork(outcome.network, run.names) }),
      ...(collectIsolation && { isolation: this.isolation() }),
      ...(this.#config.monitoring.collectMetrics && run.session?.metrics()),
    };
  }

  /** How many guests there are that runs go on in. */
  get guests() {
    return this.#running.size - this.#trials.running;
  }

  /** How many guests wait for a run. */
  get spares() {
    const { addon } = loadBinding().binding ?? {};
    const { current } = this.#launchers;
    return (current ? addon.runnerSpares(current.handle) : 0) + this.#spares.count;
  }

  /** Bytes of this process's memory that pending runs take. */
  memory() {
    const { addon } = loadBinding().binding ?? {};
    const { current } = this.#launchers;
    return current ? addon.runnerMemory(current.handle) : 0;
  }

  /** Ends every run; resolves when no process is left. */
  async dispose() {
    this.#disposed = true;
    const others = [...this.#debugged].map(async ([own, run]) => {
      await own.dispose();
      await run.catch(() => {});
    });
    await Promise.all([this.#end(), ...others]);
  }

  async #end() {
    for (const end of [...this.#running, ...this.#looking]) end(disposed());
    this.#spares.close();
    await this.#idle();
    await this.#launchers.end();
  }

  /** @type {(() => void) | undefined} */
  #onIdle;

  /** @returns {Promise<void>} when the last run is over */
  #idle() {
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /**
   * @param {import('./binding.js').Binding} binding
   * @param {Job} job
   * @param {PlannedRun} run
   * @param {import('./debug.js').Plan} [plan]
   * @returns {Promise<any>} the outcome
   */
  #start(binding, job, run, plan) {
    const start = (/** @type {number} */ debugFd) =>
      this.#startGuest(binding, job, run, plan, debugFd);
    if (plan?.level !== 'inspect') return start(0);
    const onOver = () => run.end?.(timedOut(this.#config));
    const { timeoutMs } = this.#config.execution;
    return inspected(binding.addon, job.request, { timeoutMs, onOver }, start);
  }

  /**
   * @param {import('./binding.js').Binding} binding
   * @param {Job} job
   * @param {PlannedRun} run
   * @param {import('./debug.js').Plan | undefined} plan
   * @param {number} debugFd the guest's way to a debugger; 0: none
   * @returns {Promise<any>} the outcome
   */
  #startGuest(binding, job, run, plan, debugFd) {
    const { addon } = binding;
    const { signal } = job.request;
    const { logs } = job;
    const names = new Names();
    const collector = new Collector(this.#config.execution.maxResultBytes);
    if (!job.sink) run.chunks = collector.chunks;
    return new Promise((resolve, reject) => {
      const end = (/** @type {any} */ why) => {
        run.ending ??= why;
        addon.endRun(handle, false);
      };
      run.end = end;
      const kill = (/** @type {import('./errors.js').SandboxError} */ why) => {
        run.ending ??= why;
        addon.endRun(handle, true);
      };
      const onAbort = () => end(aborted(signal?.reason));
      const onDone = (/** @type {any} */ outcome) => {
        run.output?.stop();
        if (outcome.kind === 'exit') Terms.pass(run.launcher.shape);
        signal?.removeEventListener('abort', onAbort);
        lookups.forget(names);
        this.#leave(end);
        if (outcome.kind === 'exit' && !run.ending && !this.#plan) {
          this.#trials.fork(binding, job.request, run);
          this.#trials.compile(binding, run.launcher);
        }
        this.#spares.fill(binding);
        this.#launchers.leave(run.launcher);
        resolve(outcome);
      };
      /** @type {any} */
      let handle;
      try {
        const session = new Session({
          config: this.#config,
          functions: this.#terms.functions,
          request: job.request,
          sink: job.sink ?? collector,
          send: (head, body) => addon.sendMessage(handle, { head, body }),
          took: (ms) => addon.noteTime(handle, ms),
          fail: kill,
        });
        run.session = session;
        const options = {
          ...this.#terms.options(job, run, plan),
          onDone,
          debugFd,
          onMessages: (/** @type {any[]} */ list) => session.take(list),
          onRoom: () => session.room(),
          ...(this.#config.serialization === 'json' && {
            onPieces: (/** @type {any[]} */ list) => this.#takePieces(addon, handle, run, list),
          }),
          ...(logs.live && { onLogs: (/** @type {any[]} */ rows) => logs.tell(rows) }),
          ...(this.#terms.lookups && {
            onLookup: (/** @type {import('./lookup.js').Question} */ question) =>
              void this.#answer(addon, handle, names, question),
          }),
        };
        run.names = names;
        const { grants } = options;
        run.allowed = () => ({
          ...this.#terms.allowed(job.request.workdir, grants),
          unfollowed: run.unfollowed,
          network: run.network,
          names,
          calls: session.denied,
        });
        const take = (/** @type {import('./launchers.js').Started} */ started) => {
          ({ handle, launcher: run.launcher } = started);
        };
        if (run.long && !plan) this.#spares.launch(binding, options, take, () => !run.ending);
        else take(this.#launchers.launch(binding, options));
        this.#sendBulk(addon, handle, run, job.request);
      } catch (error) {
        reject(error);
        return;
      }
      this.#running.add(end);
      run.output?.watch(kill);
      this.#spares.fill(binding);
      if (this.#disposed) end(disposed());
      else if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /**
   * @param {any} addon
   * @param {any} handle
   * @param {PlannedRun} run
   * @param {import('./request.js').Request} request
   */
  #sendBulk(addon, handle, run, request) {
    const { bulk } = request;
    if (!bulk) return;
    request.bulk = undefined;
    try {
      bulk.send((form, text) => addon.sendPiece(handle, form, text));
    } catch (error) {
      run.ending ??= notSerializable(this.#config.serialization, error);
      addon.endRun(handle, true);
    }
  }

  /**
   * @param {any} addon
   * @param {any} handle
   * @param {PlannedRun} run
   * @param {any[]} list form and content of each piece of its result
   */
  #takePieces(addon, handle, run, list) {
    if (run.ending) return;
    try {
      run.assembler ??= new Assembler();
      run.assembler.take(list);
    } catch (error) {
      run.ending = unreadable(error);
      addon.endRun(handle, true);
    }
  }

  /** @param {(why: import('./errors.js').SandboxError) => void} end of a run that is over */
  #leave(end) {
    this.#running.delete(end);
    if (this.#running.size === 0) this.#onIdle?.();
  }

  /**
   * What has to be known before a run can be planned: at once where nothing is new, which is what most runs
   * meet; else once other threads have looked.
   *
   * @param {import('./binding.js').Binding} binding
   * @param {import('./request.js').Request} request
   * @returns {Looked | Promise<Looked>}
   */
  #lookAhead({ addon, launcher }, request) {
    const asking = askGuards(launcher, this.#config.execution.cgroup);
    const outdated = this.#startups.outdated();
    const view = this.#startups.viewOf(request);
    const { outdir } = request;
    const atOnce = !asking && !(outdated instanceof Promise) && !(view instanceof Promise);
    if (atOnce && outdir === undefined) {
      if (outdated) this.#renew();
      return { view };
    }
    const error = keepInput(request, this.#config.serialization);
    if (error) return { error };
    return this.#unlessEnded(request.signal, async () => {
      const before =
        outdir === undefined
          ? undefined
          : new OutdirWatch(addon, outdir, this.#config.execution).open();
      const [seen, output] = await Promise.all([view, before, asking, outdated]);
      // Another run may have done so by now.
      if (this.#startups.outdated() === true) this.#renew();
      return { view: seen, output };
    });
  }

  /** What was preloaded is loaded anew. */
  #renew() {
    this.#launchers.retire();
    this.#startups.renew();
  }

  /**
   * A run can be ended while files are looked at, and is when that takes too long.
   *
   * @param {AbortSignal | undefined} signal
   * @param {() => Promise<Looked>} look
   * @returns {Promise<Looked>}
   */
  async #unlessEnded(signal, look) {
    /** @type {(looked: Looked) => void} */
    let settle = () => {};
    const ended = new Promise((resolve) => {
      settle = resolve;
    });
    const end = (/** @type {import('./errors.js').SandboxError} */ error) => settle({ error });
    const onAbort = () => end(aborted(signal?.reason));
    const patience = setTimeout(() => end(lookedTooLong()), LOOK_PATIENCE_MS);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#looking.add(end);
    if (this.#disposed) end(disposed());
    look().then(settle, (error) => end(notLookedAt(error)));
    const looked = await ended;
    this.#looking.delete(end);
    signal?.removeEventListener('abort', onAbort);
    clearTimeout(patience);
    return this.#disposed ? { error: disposed() } : looked;
  }

  /**
   * @param {import('./binding.js').Binding} binding
   * @param {import('./request.js').Request} request
   * @param {import('./view.js').HandlerView} view
   */
  #planRun({ zygote }, request, view) {
    const forks = this.#launchers.current?.forks === 'yes';
    return this.#startups.plan(request, view, this.#terms.startup, forks, zygote);
  }

  /** Says once that handlers see the host's own package. @param {string} home the handler's package */
  #warn(home) {
    const warning = warnOwnPackage(home);
    if (warning === undefined) return;
    this.#warnings.push(warning);
    process.emitWarning(warning, { type: 'SandboxWarning', code: 'SBX_OWN_PACKAGE' });
  }

  isolation() {
    const report = describeIsolation(this.#config, true, this.#startups.trouble);
    return { ...this.#shown.correct(report), warnings: [...this.#warnings] };
  }

  /**
   * @param {any} addon
   * @param {any} handle of the run, which may be over
   * @param {Names} names
   * @param {import('./lookup.js').Question} question
   */
  async #answer(addon, handle, names, question) {
    const answer = await lookups.resolve(this, names, question);
    names.add(question.name, answer.addresses);
    addon.answerLookup(handle, { lookup: question.lookup, ...answer });
  }

  /**
   * What the configuration asks for beside the result: logs, traces.
   *
   * @param {Job} job
   * @param {any} outcome
   * @param {{ queuedAt: number, begunAt: number, endedAt: number }} times
   * @param {{ ok: boolean, error?: any }} result
   */
  #extras({ request, trace, logs: sink }, outcome, times, result) {
    const { marks, spans, logs, logsDropped } = outcome;
    return {
      ...(this.#config.monitoring.collectLogs && { logs: sink.list(logs), logsDropped }),
      ...(trace.collect && {
        traces: trace.spans(
          { queued: times.queuedAt, begun: times.begunAt, ended: times.endedAt, ...marks },
          spans.map(parseSpan),
          {
            'request.id': request.fields.requestId,
            'handler.file': request.file,
            'handler.export': request.export,
            ...(!result.ok && { 'error.code': result.error.code }),
          },
        ),
      }),
    };
  }

  /**
   * Why the launcher ended, in the error of a run that it took along.
   *
   * @param {import('./errors.js').SandboxError} error
   * @param {{ closed: Promise<any> }} launcher the run's own: there may be another one by now
   */
  async #explainLoss(error, launcher) {
    const { exitCode, signal, stage, errno, message } = await launcher.closed;
    if (error.code !== 'PROCESS_CRASHED') return;
    if (isGuardStage(stage)) error.code = 'ISOLATION_UNAVAILABLE';
    error.details = { ...error.details, launcher: { exitCode, signal, stage, errno, message } };
    if (message) error.message = `The guest did not finish: its launcher failed: ${message}.`;
  }
}

/**
 * Notes where the handler's file is. One that is not there needs no process to say so, and the guest, which
 * sees nothing of where it was looked for, could not say why.
 *
 * @param {import('./request.js').Request} request
 * @returns {import('./errors.js').SandboxError | undefined}
 */
function findHandler(request) {
  const { file, root, workdir } = request;
  try {
    request.found = guestResolve.resolveHandlerFile(file, root);
    return undefined;
  } catch (error) {
    if (!fs.statSync(workdir, { throwIfNoEntry: false })?.isDirectory()) return undefined;
    const { name, message, details } = /** @type {any} */ (error);
    return { ...failure('HANDLER_NOT_FOUND', message, details), name };
  }
}

/** @param {unknown} error */
function notLookedAt(error) {
  if (error instanceof TooMuchHidden) return isolationUnavailable(error.message);
  if (error instanceof OutdirRefused) return invalid(error.message);
  return crashed(`its files could not be looked at: ${describe(error)}`);
}

function lookedTooLong() {
  return failure(
    'TIMEOUT',
    `Looking at the files of the handler's package took longer than ${LOOK_PATIENCE_MS / 1000} s.`,
    { timeoutMs: LOOK_PATIENCE_MS, phase: 'files' },
  );
}

/** @param {Buffer} bytes */
function parseSpan(bytes) {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
