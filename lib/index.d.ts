// SPDX-License-Identifier: MIT
// The public types of @kb-labs/sandbox, and what each key means.

/** What a run can fail with. The set is closed. */
export type SandboxErrorCode =
  /** Over `execution.timeoutMs` (`details.phase` 'run') or `queueTimeoutMs` ('queue'). */
  | 'TIMEOUT'
  /** `ctx.signal` was aborted. */
  | 'ABORTED'
  /** Over `execution.memoryMb`. */
  | 'MEMORY_LIMIT'
  /** Over `execution.cpuMs`. */
  | 'CPU_LIMIT'
  /** Over `execution.maxThreads`. */
  | 'THREAD_LIMIT'
  /** Over `execution.maxOutputMb` or `execution.maxOutputFiles`, or what it left cannot be counted (`details.unseen`). */
  | 'OUTPUT_LIMIT'
  /** The handler threw, or its module failed to load (`details.phase` 'load'). */
  | 'HANDLER_ERROR'
  /** No such file (`details.tried`), or no such function in it (`details.exports`). */
  | 'HANDLER_NOT_FOUND'
  /** The handler called `process.exit`, or nothing is left that could settle its promise. */
  | 'HANDLER_EXIT'
  /** Something that the configuration forbids was tried. */
  | 'PERMISSION_DENIED'
  /** Over `execution.maxResultBytes`. */
  | 'RESULT_TOO_LARGE'
  /** The result cannot be said in the runner's serialization. */
  | 'RESULT_NOT_SERIALIZABLE'
  /** The guest called host functions, or sent chunks and progress, beyond what a guest may have under
   * way (`execution.maxHostCalls`, `execution.maxMessageBytes`). One that goes by `ctx` never does. */
  | 'HOST_LIMIT'
  /** The guest ended by a signal (`details.signal`), broke the protocol, or could not be started. */
  | 'PROCESS_CRASHED'
  /** `execution.maxQueue` runs wait already. */
  | 'QUEUE_FULL'
  /** The runner was disposed of. */
  | 'DISPOSED'
  /** The handler, the input or the context of the call is not valid. */
  | 'VALIDATION_ERROR'
  /** A guard that the configuration needs is not to be had on this machine. */
  | 'ISOLATION_UNAVAILABLE'
  /** No binaries for this platform; the message says what to do. */
  | 'UNSUPPORTED_PLATFORM';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Every key is optional; one that is not known is an error. */
export interface SandboxConfig {
  /** `'subprocess'` (default): a confined process per run. `'inprocess'`: in this process, no isolation. */
  mode?: 'subprocess' | 'inprocess';
  /** How guests start: `'spawn'` executes a new Node.js for each, `'fork'` forks each from one that has
   * started already. `'auto'` (default) spawns until a zygote stands ready behind the first run and has
   * been seen to fork, then forks those that do not compute for long (about a second of CPU, as it
   * learns). Handlers that may start processes (`'process:spawn'`) are
   * spawned. */
  startup?: 'auto' | 'spawn' | 'fork';
  runtime?: {
    /**
     * The absolute path of the Node.js (20 or later) that guests run in. Default: the host's own. A host
     * that has Node.js inside (a single executable application, a packaged one, Electron) has to name one:
     * without it, each run is `UNSUPPORTED_PLATFORM`, as it is when the file cannot be executed.
     */
    path?: string;
  };
  /** `'strict'` (default): a run whose configuration promises what no guard of this machine can hold
   * fails as `ISOLATION_UNAVAILABLE`. `'best-effort'`: it runs with what the kernel has, and
   * `isolation()` says what that is. */
  isolation?: 'strict' | 'best-effort';
  /** How inputs and results travel: `'json'` (default), or `'advanced'` for Map, Set, Date, BigInt,
   * typed arrays, Error, `undefined` and cycles as well. */
  serialization?: 'json' | 'advanced';
  /** Forces in-process mode, as the environment variable `KB_PLUGIN_DEV_MODE=true` does, with a warning. The
   * variable is an error beside an `isolation: 'strict'` that was given. */
  devMode?: boolean;
  /** Lets runs ask for a debugger (`ctx.debugLevel: 'inspect'`) under `isolation: 'strict'`: whoever
   * reaches its port runs code in the guest. Default false. */
  debug?: boolean;
  execution?: ExecutionConfig;
  permissions?: PermissionsConfig;
  monitoring?: MonitoringConfig;
  /** Functions of this process that handlers may call, as `ctx.host.call(name, …args)` or by their names,
   * whose dots are levels: `'cache.get'` is `ctx.host.cache.get`. */
  host?: HostFunctions;
}

/** What a host function is told of the call. It comes first, because how many arguments come behind it
 * is the guest's choice. */
export interface HostCallContext {
  readonly name: string;
  readonly requestId: string;
  /** Aborted when the handler aborts the call, at `timeoutMs`, and when the run ends. */
  readonly signal: AbortSignal;
  readonly capabilities: readonly string[];
  /** The fields of the run's context, as they travel. */
  readonly ctx: Readonly<Record<string, unknown>>;
}

/** Arguments are the guest's: hostile. What it returns travels as `serialization` says; an async
 * iterable is streamed. */
export type HostFunction = (context: HostCallContext, ...args: any[]) => unknown;

/** What checks the list of arguments, `z.tuple([z.string()])`: anything that follows Standard Schema, or
 * has `safeParse` or `parse` as zod's do. */
export type ArgumentsSchema =
  | { readonly '~standard': { validate(value: unknown): unknown } }
  | { safeParse(value: unknown): { success: boolean; data?: unknown; error?: unknown } }
  | { parse(value: unknown): unknown };

export interface HostFunctionOptions {
  call: HostFunction;
  /** Of `permissions.capabilities`; a call without it is `PERMISSION_DENIED`. */
  capability?: string;
  /** Its output takes the place of the arguments; what it refuses is a TypeError for the handler. */
  schema?: ArgumentsSchema;
  /** Milliseconds until it has returned, or its promise has settled. No limit by default. */
  timeoutMs?: number;
  /** Calls at a time, of all runs of the runner; more of them wait. No limit by default. */
  maxConcurrent?: number;
}

export type HostFunctions = Record<string, HostFunction | HostFunctionOptions>;

// Functions have a `call` of their own.
type CallOf<F> = F extends HostFunction ? F : F extends { call: infer C } ? C : never;
type GuestResult<R> = R extends AsyncIterable<infer T> ? AsyncIterableIterator<T> : R;
type GuestFunction<F> =
  CallOf<F> extends (context: any, ...args: infer A) => infer R
    ? (...args: [...A, signal?: AbortSignal]) => Promise<GuestResult<Awaited<R>>>
    : never;
type Levels<H> = {
  [
    K in keyof H as K extends `${infer First}.${string}` ? First : K
  ]: K extends `${string}.${string}`
    ? HostLevel<H, K extends `${infer First}.${string}` ? First : never>
    : GuestFunction<H[K]>;
};
type HostLevel<H, First extends string> = Levels<{
  [K in keyof H as K extends `${First}.${infer Rest}` ? Rest : never]: H[K];
}>;

/** `ctx.host` of a handler, from the type of the configuration's `host`: `GuestHost<typeof host>`. */
// Where nobody says what there is, anything may be.
export type GuestHost<H = any> = 0 extends 1 & H
  ? any
  : {
      /** An AbortSignal as the last argument, or as its property `signal`, aborts the call. */
      call<K extends keyof H & string>(
        name: K,
        ...args: Parameters<GuestFunction<H[K]>>
      ): ReturnType<GuestFunction<H[K]>>;
    } & Levels<H>;

export interface ExecutionConfig {
  /** Milliseconds of wall clock for one run, from the start of its process; promises included.
   * SIGTERM follows, and `ctx.signal` of the handler is aborted. 1 to 2^31-1, default 30000. */
  timeoutMs?: number;
  /** Milliseconds from SIGTERM to SIGKILL, for the whole process tree. Default 5000. */
  graceMs?: number;
  /** MiB of memory: V8's heap, Buffers, SharedArrayBuffers, WebAssembly and strings together
   * (`RLIMIT_DATA`, getrlimit(2), and `--max-old-space-size`). 32 or more, default 512. */
  memoryMb?: number;
  /** Milliseconds of CPU time for the whole process tree. No limit by default. */
  cpuMs?: number;
  /** Threads that all processes of a run have together; a Node.js that was executed has about 11. 16 to 100,000.
   * Default 256, with `process:spawn` 1,024. */
  maxThreads?: number;
  /** Runs at the same time. Default: twice the available processors. */
  concurrency?: number;
  /** Runs that may wait for a place, first in, first out. Default 1000. */
  maxQueue?: number;
  /** Milliseconds that a run may wait. No limit by default. */
  queueTimeoutMs?: number;
  /** Bytes of a serialized result. Beside its text, a list or an object counts as 64 bytes, a member's name as
   * 32, a comma as 16 (three times that with `serialization: 'advanced'`): what the host has to pay for it.
   * `RESULT_TOO_LARGE`. At most 2^30, default 16 MiB. */
  maxResultBytes?: number;
  /** Descriptors a guest may have open (`RLIMIT_NOFILE`). 32 or more, default 256. */
  maxOpenFiles?: number;
  /** MiB of the largest file a guest may write (`RLIMIT_FSIZE`). No limit by default. */
  maxFileSizeMb?: number;
  /** MiB that a run may add to `ctx.outdir`, as the disk keeps them (holes of a file take none). Looked at some
   * five times a second, and once more at the end: `OUTPUT_LIMIT`. What was written stays. 0.001 or more, default 1,024. */
  maxOutputMb?: number;
  /** Files, directories and links that a run may add there. 0 to 10^9, default 100,000. `OUTPUT_LIMIT`. */
  maxOutputFiles?: number;
  /** MiB of the guest's own `/tmp`, which is there where namespaces are. Default 64; 0: none. */
  tmpSizeMb?: number;
  /** Calls of host functions that a run may have under way; `ctx.host` has more of them wait. 1 to 10,000,
   * default 64. */
  maxHostCalls?: number;
  /** Bytes of the arguments or the result of one host call, or of one chunk of a stream. The arguments
   * of all calls under way may have four times as much. Values count as in `maxResultBytes`. 1,024 to 2^28, default 4 MiB. */
  maxMessageBytes?: number;
  /** Guests that one zygote forks before a new one takes its place. Default 10,000. */
  maxForks?: number;
  /** Guests that are forked ahead of demand, each for one run. `'auto'`, the default: as many as runs
   * come at a time, 8 at most, forked while fewer guests run than there are processors. None while
   * there were no runs for five seconds. 0: none. At most 1,000. Handlers that `startup: 'auto'` spawns
   * since they compute for long have as many of their own, which are spawned; 2 at most under `'auto'`. */
  spares?: number | 'auto';
  /** Modules that are loaded before guests are forked, so that their cost is paid once: paths (relative
   * to `ctx.pluginRoot` or else `ctx.workdir`, starting with `./` or `../`; absolute; `file:` URLs), or
   * names of packages as the handler's package finds them. Each may export a function `warmup`, which is
   * called and awaited. See `docs/configuration.md` for what runs share then. Not with
   * `startup: 'spawn'`. Default: none. */
  preload?: string[];
  /** Milliseconds that loading them may take. Default 30000. */
  preloadTimeoutMs?: number;
  /** A cgroup (version 2) for each guest: the kernel holds its memory, swap and tasks, and gives all
   * guests equal shares of processors and disks. `'off'`, the default: none. `'auto'`: where the cgroup above the
   * host's own was delegated to it, and otherwise none, which `isolation()` says. A path: the absolute
   * path of a cgroup that has no processes of its own and is the sandbox's to divide; made when only its
   * last part is missing. When it cannot be used, `strict` refuses every run (`ISOLATION_UNAVAILABLE`).
   * The host is never moved. Not of guests that are forked with `preload`. See
   * `docs/configuration.md`. */
  cgroup?: 'auto' | 'off' | (string & {});
}

export interface PermissionsConfig {
  env?: {
    /** Names that a guest sees of this process's environment, as it is when the runner is created;
     * `'APP_*'` is a prefix. Default: none. Names that steer the loader or Node.js (`LD_PRELOAD`,
     * `NODE_OPTIONS` …) appear in its `process.env` and have no effect. */
    allow?: string[];
  };
  /** Beside these, a guest sees the runtime's own files, the handler's package and the `node_modules`
   * it resolves from (read-only), and `ctx.outdir` (writable); nothing else. Of the package, what
   * projects keep secrets in is left out (`.env*`, `.git`, `.hg`, `.svn`, `.npmrc`, `.yarnrc*`, `.netrc`, `.ssh`,
   * `.aws`, `.kube`, `.docker`), unless `allow` names it or what it is in. */
  filesystem?: {
    /** Paths, relative to the host's working directory as it is when the runner is created; a
     * directory stands for all that is in it. `'*'` is everything. What does not exist when a run
     * starts is not there for it. */
    allow?: string[];
    /** Beats `allow`, and everything a guest would see otherwise. */
    deny?: string[];
    /** What is allowed may be read only. `ctx.outdir` stays writable. Default false. */
    readOnly?: boolean;
  };
  /** Which hosts a guest may connect to: `'example.com'`, `'*.example.com'`, `'192.0.2.1'`,
   * `'10.0.0.0/8'`, `'[2001:db8::1]:443'`, each with or without a port. `allow: []` (default) is no
   * network at all, `allow: ['*']` is the host's. `deny` beats `allow`. A name that leads to an
   * address that is not public needs the address to be allowed as well. Over TCP only; names are
   * resolved by this process. */
  network?: { allow?: string[]; deny?: string[] };
  /** Strings of your own, which the handler finds in `ctx.capabilities`. Reserved ones open something:
   * `'process:spawn'` (fork and exec, of what `filesystem.allow` holds), `'net:listen'`,
   * `'net:udp'`, `'net:unix'` (unix sockets: at paths that are allowed, where namespaces are, and at any
   * that its user may use, where they are not). */
  capabilities?: string[];
}

export interface MonitoringConfig {
  /** What the guest prints and logs ends up in `result.logs`. Default true. */
  collectLogs?: boolean;
  /** `result.metrics` has more than `timeMs`. Default true. */
  collectMetrics?: boolean;
  /** `result.traces`. Default false. */
  collectTraces?: boolean;
  /** MiB of the newest log lines that are kept. Default 1. */
  logBufferSizeMb?: number;
  /** How lines are written in `result.logs` and for `ctx.onLog`. `'text'` (default): as they were
   * printed, fields of `ctx.log` as JSON behind the message. `'timed'`: the time of arrival and the
   * level in front. `'json'`: an object `{ time, level, message, fields }` a line. Control characters
   * are escaped but for `'text'`. */
  logFormat?: 'text' | 'timed' | 'json';
  /** Gets every line as it comes: a logger like pino, called as `logger.warn({ requestId, loggedAt,
   * fields }, message)`, or a stream, which is written a line of JSON each. While a stream is full, lines
   * are counted and not kept. */
  logger?: SandboxLogger | SandboxLogStream;
  /** Traces and metrics by OpenTelemetry, where the application has registered a provider with
   * `@opentelemetry/api`. Default true. */
  openTelemetry?: boolean;
  /** Milliseconds between two entries of `metrics.samples`; 0, the default, takes none. */
  sampleIntervalMs?: number;
  /** `metrics.isolation`: what confined the run. Default false. */
  collectIsolation?: boolean;
  /** `metrics.network`: what the guest connected to, where `permissions.network` names hosts. Default
   * false. */
  collectNetwork?: boolean;
}

export type SandboxLogger = Record<LogLevel, (merge: object, message: string) => void>;

export interface SandboxLogStream {
  write(line: string): unknown;
}

/** A line of a log. */
export interface LogEntry {
  /** Milliseconds since 1970 at which it came. */
  time: number;
  level: LogLevel;
  message: string;
  /** What `ctx.log` was given beside the message, as JSON has it; at most 60 KiB. */
  fields?: Record<string, unknown>;
}

/** Where a handler is. */
export interface HandlerRef {
  /** A path, relative to `ctx.pluginRoot` or else `ctx.workdir`: as given, then with `.js`, `.mjs`,
   * `.cjs`, then the same under `dist/`. ES modules and CommonJS. */
  file: string;
  /** The name of an exported function; members of a default export count. */
  export: string;
}

/** What a handler is told. Fields of your own travel as JSON; functions do not. */
export interface ExecutionContext {
  requestId: string;
  /** The directory the guest starts in. */
  workdir: string;
  /** With `outdir`, a run that fails or crashes leaves a diagnostic report there
   * (`report-*.json`), as it does with `debugLevel`. */
  debug?: boolean;
  /** `'inspect'`: the run waits for a debugger before the handler is loaded, on a port of this host's
   * loopback; `execution.timeoutMs` stands still while one is attached. Spawned, with `config.debug`
   * under `isolation: 'strict'`. `'profile'`: a `.cpuprofile`, and a `.heapsnapshot` when the heap
   * nears its limit, end up in `outdir`. */
  debugLevel?: 'inspect' | 'profile';
  /** Called with the debugger's URL (`ws://127.0.0.1:…`); without it, the URL is a line for `onLog`,
   * or a warning of this process. */
  onInspector?: (url: string) => void;
  pluginRoot?: string;
  outdir?: string;
  pluginId?: string;
  pluginVersion?: string;
  /** W3C trace context: 32 and 16 hex digits. The run becomes a child of that span. */
  traceId?: string;
  spanId?: string;
  parentSpanId?: string;
  /** Ends the run, queued or running, as `ABORTED`. */
  signal?: AbortSignal;
  /** Called with each line as it comes, in `monitoring.logFormat`, and with what it is made of. */
  onLog?: (line: string, level: LogLevel, entry: LogEntry) => void;
  /** Called with what the handler says of its progress, from 0 to 1; with the newest of what came at
   * once. */
  onProgress?: (fraction: number, message?: string) => void;
  [field: string]: unknown;
}

/** The second argument of a handler. `H` is the type of the configuration's `host`. */
export interface HandlerContext<H = any> {
  requestId: string;
  workdir: string;
  /** Aborted at the deadline (`TimeoutError`) and when the caller aborts (`AbortError`). */
  readonly signal: AbortSignal;
  readonly log: Readonly<Record<LogLevel, (message: unknown, fields?: object) => void>>;
  readonly trace: {
    readonly traceId?: string;
    readonly spanId?: string;
    /** `traceparent`, `tracestate` and `baggage`, as far as they are there: what
     * `propagation.extract(ROOT_CONTEXT, ctx.trace.carrier)` of OpenTelemetry reads. */
    readonly carrier: Readonly<Record<string, string>>;
    /** Runs `fn` in a span, which ends when what it returns settles. */
    span<T>(name: string, fn: () => T, attributes?: Record<string, unknown>): T;
  };
  readonly capabilities: readonly string[];
  /** From 0 to 1. May be called as often as one likes: the host is told 20 times a second. */
  progress(fraction: number, message?: string): void;
  /** The functions of the host; not there when the configuration has none. */
  readonly host: GuestHost<H>;
  [field: string]: unknown;
}

/** The type of a handler, for those who write one in TypeScript. */
export type Handler<TInput = unknown, TOutput = unknown> = (
  input: TInput,
  ctx: HandlerContext,
) => TOutput | Promise<TOutput>;

export interface SandboxError {
  code: SandboxErrorCode;
  message: string;
  /** Of what the handler threw. */
  name?: string;
  stack?: string;
  details?: Record<string, unknown>;
}

/** Milliseconds, MiB, counts. Beyond `timeMs` only with `collectMetrics`, and only what is known. */
export interface ExecutionMetrics {
  /** Wall clock of the run, without the queue. */
  timeMs: number;
  /** CPU time, user and system, of the process tree (getrusage(2)). */
  cpuMs?: number;
  /** Peak resident memory in MiB. */
  memMb?: number;
  userCpuMs?: number;
  systemCpuMs?: number;
  minorFaults?: number;
  majorFaults?: number;
  voluntarySwitches?: number;
  involuntarySwitches?: number;
  /** Bytes from and to storage (proc(5), `/proc/PID/io`). */
  readBytes?: number;
  writeBytes?: number;
  /** Bytes of all read and write calls, sockets and pipes included. */
  readChars?: number;
  writeChars?: number;
  /** How the guest came to be. */
  startup?: 'spawn' | 'fork';
  phases?: { queueMs: number; startMs: number; loadMs: number; executeMs: number };
  samples?: Array<{ /** Epoch ms. */ time: number; memMb: number; cpuMs: number }>;
  /** Which host functions were called. */
  host?: HostCallMetrics[];
  /** With `monitoring.collectIsolation`. */
  isolation?: IsolationReport;
  /** With `monitoring.collectNetwork`; at most 64 connections and 64 names. */
  network?: NetworkMetrics[];
}

/** Connections to one address and port, or names that were not resolved. */
export interface NetworkMetrics {
  /** That the address was looked up by. */
  name?: string;
  address?: string;
  port?: number;
  allowed: boolean;
  /** How many. */
  count: number;
  /** Of `count`, connections of which the kernel has told how many bytes went over them: all that were
   * made, but for those that the guest resets, and some where it, or others on this machine, makes
   * very many to one port. */
  counted?: number;
  /** Bytes of `counted` connections, repetitions left out. */
  bytesSent?: number;
  /** Bytes of `counted` connections; the end of each stream may count as one. */
  bytesReceived?: number;
}

export interface HostCallMetrics {
  name: string;
  calls: number;
  /** Of `calls`. */
  errors: number;
  /** Calls without the capability. */
  denied: number;
  /** Of all calls, from their arrival to their end. */
  timeMs: number;
}

export interface TraceSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** Milliseconds since 1970. */
  startTime: number;
  endTime: number;
  attributes?: Record<string, unknown>;
}

interface ExecutionReport {
  metrics: ExecutionMetrics;
  /** The newest lines, oldest first. */
  logs?: string[];
  /** Lines that did not fit into `monitoring.logBufferSizeMb`. */
  logsDropped?: number;
  /** What debugging has left in `ctx.outdir`: absolute paths. */
  debugFiles?: string[];
  traces?: TraceSpan[];
}

export interface ExecutionSuccess<T> extends ExecutionReport {
  ok: true;
  data: T;
  error?: undefined;
}

export interface ExecutionFailure extends ExecutionReport {
  ok: false;
  data?: undefined;
  error: SandboxError;
}

export type ExecutionResult<T = unknown> = ExecutionSuccess<T> | ExecutionFailure;

/** One thing that confines a guest: a promise of the configuration, or a guard of the kernel. */
export interface IsolationLayer {
  name: string;
  /** `'partial'`: holds but for what `detail` says. */
  status: 'active' | 'partial' | 'unavailable' | 'not-needed';
  /** What holds it, or why nothing does. */
  detail: string;
  /** What would help: a sysctl, a kernel, a container's flag. */
  mend?: string;
}

export interface IsolationReport {
  mode: 'subprocess' | 'inprocess';
  /** How a guest comes to be: executed, or forked from a zygote. */
  startup: 'spawn' | 'fork' | 'none';
  /** Why: what was configured, or how a fork went that was tried. */
  startupReason: string;
  isolation: 'strict' | 'best-effort';
  layers: IsolationLayer[];
  /**
   * Promises of the configuration that nothing holds here. Under `'strict'` no run starts. And what the
   * last run failed for before it had a guest, until one has worked.
   */
  broken: string[];
  /** What holds, and may not be what was wanted: that a handler has seen the host's own package. Also a
   * `SandboxWarning` of the process, once for each runner. */
  warnings: string[];
}

/** Why a guest was ended from outside: a limit, its caller, a result that is too large, a broken
 * protocol, or the loss of its launcher or supervisor. */
export type KillReason =
  | 'timeout'
  | 'cpu'
  | 'memory'
  | 'threads'
  | 'output'
  | 'aborted'
  | 'disposed'
  | 'result'
  | 'protocol'
  | 'lost';

interface RunnerEvent {
  /** Milliseconds since 1970. */
  time: number;
}

/** A run is over, also one that was refused. */
export interface RunEvent extends RunnerEvent {
  /** Missing where the call was not valid; so is `handler`. */
  requestId?: string;
  handler?: HandlerRef;
  ok: boolean;
  code?: SandboxErrorCode;
  /** Milliseconds since 1970. */
  queuedAt: number;
  metrics: ExecutionMetrics;
}

export interface KillEvent extends RunnerEvent {
  requestId?: string;
  reason: KillReason;
  /** Of the guest. A forked one has it with `monitoring.sampleIntervalMs`, or without namespaces. */
  pid?: number;
}

/** Something that all runs of a runner share was lost, and another has taken its place. */
export interface RestartEvent extends RunnerEvent {
  what: 'launcher';
  exitCode: number;
  signal: string | null;
  message?: string;
}

/** Something was refused. */
export interface DeniedEvent extends RunnerEvent {
  requestId?: string;
  /** The key of the configuration. */
  key: string;
  /** `'supervisor'`: seen from outside (connections under network rules). `'guest'`: what the error says
   * that the handler failed with; a handler that catches it tells of nothing. */
  source: 'supervisor' | 'guest';
  count: number;
  path?: string;
  name?: string;
  address?: string;
  port?: number;
}

/** What a host should know of: a guest that takes more than its share, or a limit of this process that is near. */
export interface PressureEvent extends RunnerEvent {
  /** Of a run or of all. */
  requestId?: string;
  /** `'paused'`: the run was not read from for a while, since what it says took more of this thread than its share.
   * `'lines'`: lines of its log were dropped. Both when it is over. `'descriptors'`: four fifths of those that this
   * process may have are open; looked for at the end of runs, once a second at most. */
  reason: 'paused' | 'lines' | 'descriptors';
  /** Of `'paused'`: milliseconds. */
  pausedMs?: number;
  /** Of `'lines'`: how many. Of `'descriptors'`: how many are open. */
  count?: number;
  /** Of `'descriptors'`. */
  limit?: number;
}

export interface RunnerEvents {
  run: RunEvent;
  kill: KillEvent;
  restart: RestartEvent;
  denied: DeniedEvent;
  pressure: PressureEvent;
}

/** Milliseconds, percentiles exact to one percent. All 0 while `count` is. */
export interface LatencyStats {
  count: number;
  min: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

export interface RunnerStats {
  /** That are over. */
  runs: number;
  /** These by their outcome. */
  outcomes: Partial<Record<'OK' | SandboxErrorCode, number>>;
  kills: Partial<Record<KillReason, number>>;
  denied: number;
  restarts: number;
  /** Runs that were not read from for a while, for how many milliseconds altogether, and lines of their logs that were
   * dropped. */
  pressure: { paused: number; pausedMs: number; lines: number };
  /** Runs that wait for a place. */
  queueDepth: number;
  /** Runs that have one. */
  running: number;
  /** Processes that these go on in. */
  guests: number;
  /** Processes that were forked or spawned ahead of demand and wait for a run (`execution.spares`). */
  spares: number;
  latency: {
    /** `metrics.timeMs`. */
    run: LatencyStats;
    /** What runs that got a place have waited for it. */
    queue: LatencyStats;
  };
  /** Bytes that this process holds for runs that are not over: inputs, output, logs, spans. */
  hostBytes: number;
}

/** Chunks of a handler's result, as they come. The run goes no faster than they are taken. */
export interface ExecutionStream<TChunk, TReturn = unknown> extends AsyncIterableIterator<TChunk> {
  /** Resolves when the run is over; never rejects. `data` is what the generator returned, or the result
   * of a handler that returned no stream. */
  readonly result: Promise<ExecutionResult<TReturn>>;
  /** Ends the run (leaving the loop does), and resolves when nothing of it is left. */
  return(): Promise<IteratorResult<TChunk>>;
}

/** What a loop over the chunks of a run that fails throws, behind the chunks that came. */
export interface SandboxStreamError extends Error {
  code: SandboxErrorCode;
  details?: Record<string, unknown>;
}

export interface SandboxRunner {
  /**
   * Runs a handler. Always resolves, exactly once, when nothing of the run is left. A result that comes
   * in chunks is put together in an array.
   *
   * @param input what the handler gets; serialized as `serialization` says
   */
  run<TInput = unknown, TOutput = unknown>(
    handler: HandlerRef,
    input: TInput,
    ctx: ExecutionContext,
  ): Promise<ExecutionResult<TOutput>>;
  /**
   * Runs a handler whose result is an async iterable or a ReadableStream, and hands its chunks on as they
   * come. `Uint8Array`s stay bytes in either serialization. Starts at once.
   */
  stream<TInput = unknown, TChunk = unknown, TReturn = unknown>(
    handler: HandlerRef,
    input: TInput,
    ctx: ExecutionContext,
  ): ExecutionStream<TChunk, TReturn>;
  /** What confines the guests of this runner on this machine. */
  isolation(): IsolationReport;
  /** What the runner has done so far. */
  stats(): RunnerStats;
  /** Calls `listener` with every event of that name. What it throws is a warning of the process, and
   * hurts no run. */
  on<K extends keyof RunnerEvents>(name: K, listener: (event: RunnerEvents[K]) => void): this;
  once<K extends keyof RunnerEvents>(name: K, listener: (event: RunnerEvents[K]) => void): this;
  off<K extends keyof RunnerEvents>(name: K, listener: (event: RunnerEvents[K]) => void): this;
  /** Refuses new runs, ends running ones (SIGTERM, SIGKILL after the grace) and resolves when no
   * process is left. May be called again. A runner that is not used keeps nothing alive. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a configuration that is not valid throws. */
export interface SandboxConfigError extends TypeError {
  code: 'VALIDATION_ERROR';
  /** All of it at once. */
  issues: Array<{ path: string; message: string }>;
}

/**
 * A runner for handlers.
 *
 * @throws {SandboxConfigError} naming every bad key
 */
export function createSandboxRunner(config?: SandboxConfig): SandboxRunner;
