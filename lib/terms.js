// SPDX-License-Identifier: MIT
// The terms on which guests run: what a launcher is told once, in its policy, and what each run is
// told beside it.
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { PERMIT, USE, goesByRules, planConfinement } from './confinement.js';
import { debugRequest } from './debug.js';
import { addHome, chooseEnvironment, resolveOverTcp } from './environment.js';
import guestRequest from './guest/request.cjs';
import { hostFunctions } from './host.js';
import { memoryLimits } from './memory.js';
import { mainFile, programFor } from './program.js';
import { executableOf } from './runtime.js';
import { SPARES_AUTO, zygoteArgv } from './startup.js';
import { MAX_TIMER_MS } from './timers.js';
import { configGrants, runtimeFlags, runtimeGrants } from './view.js';

const { makeRequest } = guestRequest;
const MIB = 2 ** 20;
const preload = fileURLToPath(new URL('./guest/preload.cjs', import.meta.url));
/** Processes and threads that a zygote may have for each guest that there may be, and for itself. */
const TASKS_OF_A_GUEST = 32;
const TASKS_OF_A_ZYGOTE = 256;

/** Policies that have passed the launcher's self-test in this process. @type {Set<string>} */
const tested = new Set();

/** @param {Readonly<import('./config.js').Config>} config */
function environmentOf({ permissions: { env, network } }) {
  const chosen = chooseEnvironment(env.allow, process.env);
  return goesByRules(network) ? resolveOverTcp(chosen) : chosen;
}

export class Terms {
  #config;
  /** @type {ReturnType<typeof chooseEnvironment>} */
  #environment;
  /** What permissions.filesystem grants. @type {ReturnType<typeof configGrants>} */
  files;
  #plan;
  /** Of the host, that guests may call. @type {ReturnType<typeof hostFunctions>} */
  functions;
  /** @type {import('./confinement.js').Confinement | undefined} */
  #confinement;

  /**
   * @param {Readonly<import('./config.js').Config>} config
   * @param {import('./debug.js').Plan} [plan] of the one run that these are for
   * @param {Terms} [other] what they are otherwise
   */
  constructor(config, plan, other) {
    this.#config = config;
    this.#plan = plan;
    this.functions = other?.functions ?? hostFunctions(config.host);
    this.#environment = other ? other.#environment : environmentOf(config);
    this.files = other?.files ?? configGrants(config.permissions.filesystem);
  }

  /** What confines guests here; asks the kernel the first time. @param {string} launcher its path */
  confine(launcher) {
    const confinement = this.#confinement ?? planConfinement(this.#config, launcher);
    if (!confinement.failure) this.#confinement = confinement;
    return confinement;
  }

  /** How guests may start. A debugger's has threads and a descriptor of its own from the start. */
  get startup() {
    return this.#plan?.level === 'inspect' ? 'spawn' : this.#confinement?.startup;
  }

  /** Whether guests ask this process for the names of hosts. */
  get lookups() {
    return ((this.#confinement?.permit ?? 0) & PERMIT.rules) !== 0;
  }

  /** What guests that are executed anew are sent of this package. */
  get program() {
    return programFor(this.#flags());
  }

  /** Of Node.js, for every guest. */
  #flags() {
    return [
      `--max-old-space-size=${this.#config.execution.memoryMb}`,
      ...runtimeFlags(this.files.deny),
      ...(this.#plan?.flags ?? []),
    ];
  }

  /** What tells policies apart that have to be tried. */
  get shape() {
    return `${this.#confinement?.use} ${this.#confinement?.permit}`;
  }

  /** A guest has run under such a policy, so the launcher has tried it. @param {string} shape */
  static pass(shape) {
    tested.add(shape);
  }

  /** The policy of a launcher. @param {string} zygote the path of its module */
  policy(zygote) {
    const { timeoutMs, graceMs, cpuMs, memoryMb, maxOpenFiles, maxFileSizeMb, maxForks, spares } =
      this.#config.execution;
    const {
      preload: names,
      preloadTimeoutMs,
      concurrency,
      tmpSizeMb,
      maxThreads,
    } = this.#config.execution;
    const { use, permit } = /** @type {import('./confinement.js').Confinement} */ (
      this.#confinement
    );
    const flags = this.#flags();
    const start = this.lookups ? [...flags, '--require', preload] : flags;
    const preloads = names.length > 0;
    const execPath = executableOf(this.#config.runtime);
    return {
      use: tested.has(this.shape) ? use & ~USE.selfTest : use,
      permit,
      grants: this.#grants(permit),
      deny: this.files.deny,
      tmpBytes: this.files.ownTmp ? Math.floor(tmpSizeMb * MIB) : 0,
      execPath,
      argv: [execPath, ...start, mainFile],
      zygoteArgv: this.startup === 'spawn' ? [] : zygoteArgv(execPath, zygote, start),
      maxForks,
      spares: spares === 'auto' ? SPARES_AUTO : spares,
      preloadMs: preloads ? preloadTimeoutMs : 0,
      maxTasks: preloads ? TASKS_OF_A_ZYGOTE + TASKS_OF_A_GUEST * concurrency : 0,
      maxThreads,
      netAllow: this.#config.permissions.network.allow,
      netDeny: this.#config.permissions.network.deny,
      cgroup: (use & USE.cgroup) !== 0 ? [this.#config.execution.cgroup] : [],
      env: addHome(this.#environment.exec, { ownTmp: this.#ownTmp, all: this.files.all }),
      // With a debugger, it is the host's to say when time is over.
      timeoutMs: this.#plan?.level === 'inspect' ? MAX_TIMER_MS : timeoutMs,
      graceMs,
      cpuMs: cpuMs ?? 0,
      ...memoryLimits(
        memoryMb + (this.#plan?.extraMb ?? 0),
        this.#config.runtime.path !== undefined,
      ),
      maxFiles: maxOpenFiles,
      maxFileBytes: Math.floor((maxFileSizeMb ?? 0) * MIB),
    };
  }

  /** The files that every run may see. @param {number} permit */
  #grants(permit) {
    const names = (permit & PERMIT.net) !== 0 ? 'asked' : this.lookups ? 'answered' : 'none';
    const advanced = this.#config.serialization === 'advanced';
    return [
      ...runtimeGrants({ names, advanced, execPath: executableOf(this.#config.runtime) }),
      ...this.files.grants,
    ];
  }

  /**
   * What a run may do, to explain what it was refused.
   *
   * @param {string} workdir
   * @param {readonly string[]} grants of the run
   * @returns {import('./denials.js').Run}
   */
  allowed(workdir, grants) {
    const { permissions } = this.#config;
    const every = [...this.#grants(this.#confinement?.permit ?? 0), ...grants, 'r/proc'];
    const { deny } = this.files;
    return { permissions, grants: every, deny, workdir, ownTmp: this.#ownTmp };
  }

  /** Whether each run has a /tmp of its own. */
  get #ownTmp() {
    const namespaces = ((this.#confinement?.use ?? 0) & USE.namespaces) !== 0;
    return namespaces && this.files.ownTmp && this.#config.execution.tmpSizeMb > 0;
  }

  /** Of the host, for guests that are in its network: they cannot ask. */
  #interfaces() {
    return (this.#confinement?.permit ?? 0) & PERMIT.net ? os.networkInterfaces() : undefined;
  }

  /**
   * What the addon is given for a run, but for what it is to call.
   *
   * @param {import('./subprocess.js').Job} job
   * @param {import('./startups.js').PlannedRun} run
   * @param {import('./debug.js').Plan} [plan]
   */
  options({ request, trace, logs }, { fork, long, grants }, plan) {
    const { execution, monitoring, permissions, serialization } = this.#config;
    const body = makeRequest({
      file: request.file,
      found: request.found,
      root: request.root,
      export: request.export,
      ctx: request.fields,
      capabilities: permissions.capabilities,
      env: {
        ...this.#environment.late,
        ...trace.environment,
        ...(long && trace.traceparent && { TRACEPARENT: trace.traceparent }),
      },
      // Its process may be older than its run (lib/spares.js).
      ahead: long,
      timeoutMs: execution.timeoutMs,
      serialization,
      maxResultBytes: execution.maxResultBytes,
      host: [...this.functions.keys()],
      maxHostCalls: execution.maxHostCalls,
      maxMessageBytes: execution.maxMessageBytes,
      lookups: this.lookups,
      traces: trace.collect,
      traceId: trace.traceId,
      spanId: trace.handlerParent,
      carrier: trace.carrier,
      structured: logs.structured,
      interfaces: this.#interfaces(),
    });
    return {
      workdir: request.workdir,
      grants,
      traceparent: trace.traceparent,
      fork,
      ...this.limits(),
      ...(!fork && { program: this.program.take() }),
      collectLogs: monitoring.collectLogs || logs.live,
      logRows: logs.structured,
      request: Buffer.from(JSON.stringify(plan ? { ...body, debug: debugRequest(plan) } : body)),
      input: request.bulk ? undefined : takeInput(request),
      maxMessageBytes: execution.maxMessageBytes,
      advanced: serialization === 'advanced',
    };
  }

  /** What the addon is given for a run of this package's own, which nobody sees. */
  ownOptions() {
    return {
      ...this.limits(),
      workdir: '/',
      /** @type {string[]} */
      grants: [],
      traceparent: '',
      collectLogs: false,
      input: new Uint8Array(0),
    };
  }

  /** What the addon keeps of a run. */
  limits() {
    const { execution, monitoring } = this.#config;
    return {
      maxResultBytes: execution.maxResultBytes,
      logBytes: monitoring.collectLogs ? Math.floor(monitoring.logBufferSizeMb * MIB) : 0,
      sampleMs: monitoring.sampleIntervalMs,
    };
  }
}

/**
 * The input's text, which may be large, is not to be kept for as long as the run takes.
 *
 * @param {import('./request.js').Request} request
 */
function takeInput(request) {
  const { input } = request;
  request.input = '';
  return input;
}
