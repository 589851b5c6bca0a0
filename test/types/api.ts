// Checked by the compiler, never run: what the public types let through, and what they refuse.
// test/pack/run.sh compiles it once more against the packed package.
import {
  createSandboxRunner,
  type ExecutionConfig,
  type ExecutionContext,
  type ExecutionFailure,
  type ExecutionMetrics,
  type ExecutionResult,
  type DeniedEvent,
  type ExecutionSuccess,
  type Handler,
  type HandlerContext,
  type HandlerRef,
  type GuestHost,
  type HostCallContext,
  type HostCallMetrics,
  type IsolationLayer,
  type IsolationReport,
  type KillReason,
  type LogEntry,
  type LogLevel,
  type MonitoringConfig,
  type PermissionsConfig,
  type RunEvent,
  type RunnerStats,
  type SandboxConfig,
  type SandboxConfigError,
  type SandboxError,
  type SandboxErrorCode,
  type SandboxRunner,
  type TraceSpan,
} from '@kb-labs/sandbox';

/** Fails to compile unless both types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <T extends true>(_: T): void => undefined;
const is = <T>(_: T): void => undefined;

const runner = createSandboxRunner();
same<Same<typeof runner, SandboxRunner>>(true);
createSandboxRunner({});

const report: IsolationReport = {
  mode: 'inprocess',
  startup: 'none',
  startupReason: '',
  isolation: 'strict',
  layers: [{ name: 'landlock', status: 'partial', detail: 'd', mend: 'm' }],
  broken: [],
  warnings: [],
};
const execution: Required<ExecutionConfig> = {
  timeoutMs: 1,
  graceMs: 1,
  memoryMb: 1,
  cpuMs: 1,
  maxThreads: 16,
  concurrency: 1,
  maxQueue: 1,
  queueTimeoutMs: 1,
  maxResultBytes: 1,
  maxOpenFiles: 1,
  maxForks: 10,
  maxHostCalls: 64,
  maxMessageBytes: 4096,
  preload: ['./handler.mjs'],
  preloadTimeoutMs: 10,
  spares: 'auto',
  maxFileSizeMb: 1,
  maxOutputMb: 1,
  maxOutputFiles: 1,
  tmpSizeMb: 1,
  cgroup: 'off',
};
const permissions: PermissionsConfig = {
  env: { allow: ['A'] },
  filesystem: { allow: [], deny: [], readOnly: true },
  network: { allow: [], deny: [] },
  capabilities: ['a'],
};
const monitoring: Required<MonitoringConfig> = {
  collectLogs: true,
  collectMetrics: true,
  collectTraces: true,
  logBufferSizeMb: 1,
  sampleIntervalMs: 1,
  collectIsolation: true,
  collectNetwork: true,
  logFormat: 'json',
  logger: console,
  openTelemetry: false,
};
const functions = {
  add: (context: HostCallContext, a: number, b: number) => (is<AbortSignal>(context.signal), a + b),
  'cache.get': {
    call: async (_: HostCallContext, key: string) => `v${key}`,
    capability: 'host:cache',
  },
  async *count(_: HostCallContext, to: number) {
    for (let i = 0; i < to; i++) yield i;
  },
};
async function callHost(host: GuestHost<typeof functions>): Promise<void> {
  same<Same<Awaited<ReturnType<typeof host.add>>, number>>(true);
  is<string>(await host.cache.get('k', AbortSignal.timeout(1)));
  is<string>(await host.call('cache.get', 'k'));
  for await (const i of await host.count(2)) is<number>(i);
  // @ts-expect-error: a number
  await host.cache.get(1);
  // @ts-expect-error: no such function
  await host.call('nothing');
}
const config: Required<SandboxConfig> = {
  host: functions,
  mode: 'inprocess',
  startup: 'auto',
  isolation: 'best-effort',
  serialization: 'advanced',
  devMode: false,
  debug: true,
  runtime: { path: '/usr/bin/node' },
  execution,
  permissions,
  monitoring,
};
createSandboxRunner(config);
const mode: 'subprocess' | 'inprocess' = Math.random() > 1 ? 'inprocess' : 'subprocess';
createSandboxRunner({ mode });
// @ts-expect-error: not a mode
createSandboxRunner({ mode: 'docker' });
// @ts-expect-error: not a key
createSandboxRunner({ timeoutMs: 5 });
// @ts-expect-error: not a number
createSandboxRunner({ execution: { timeoutMs: '5' } });
// @ts-expect-error: not a list
createSandboxRunner({ permissions: { env: { allow: 'PATH' } } });

const handler: HandlerRef = { file: './a.js', export: 'handle' };
const ctx: ExecutionContext = {
  requestId: 'r',
  workdir: '/',
  signal: AbortSignal.timeout(5),
  onLog: (line, level, entry) => {
    same<Same<typeof entry, LogEntry>>(true);
    same<Same<typeof line, string>>(true);
    same<Same<typeof level, LogLevel>>(true);
  },
  onProgress: (fraction, message) => is<[number, string | undefined]>([fraction, message]),
  anything: [1],
};
// @ts-expect-error: no workdir
is<ExecutionContext>({ requestId: 'r' });
// @ts-expect-error: no export
is<HandlerRef>({ file: 'a' });

const metrics: Required<ExecutionMetrics> = {
  timeMs: 1,
  cpuMs: 1,
  memMb: 1,
  userCpuMs: 1,
  systemCpuMs: 1,
  minorFaults: 1,
  majorFaults: 1,
  voluntarySwitches: 1,
  involuntarySwitches: 1,
  readBytes: 1,
  writeBytes: 1,
  readChars: 1,
  writeChars: 1,
  phases: { queueMs: 1, startMs: 1, loadMs: 1, executeMs: 1 },
  samples: [{ time: 1, memMb: 1, cpuMs: 1 }],
  isolation: report,
  startup: 'fork',
  host: [{ name: 'a', calls: 1, errors: 0, denied: 0, timeMs: 1 } satisfies HostCallMetrics],
  network: [
    { name: 'a', address: '1.1.1.1', port: 1, allowed: true, count: 1 },
    { allowed: false, count: 1 },
  ],
};
const span: Required<TraceSpan> = {
  traceId: 'a',
  spanId: 'b',
  parentSpanId: 'c',
  name: 'n',
  startTime: 1,
  endTime: 2,
  attributes: { a: [1] },
};

const error: Required<SandboxError> = {
  code: 'TIMEOUT',
  message: 'm',
  name: 'n',
  stack: 's',
  details: { a: 1 },
};
// @ts-expect-error: the set of codes is closed
is<SandboxError>({ code: 'OTHER', message: 'm' });
is<ExecutionResult<string>>({
  ok: true,
  data: 'd',
  metrics,
  logs: [],
  logsDropped: 0,
  traces: [span],
});
is<ExecutionResult<string>>({ ok: false, error, metrics });
// @ts-expect-error: a success has no error
is<ExecutionResult<string>>({ ok: true, data: 'd', error, metrics });
// @ts-expect-error: a failure has one
is<ExecutionResult<string>>({ ok: false, metrics });
const disposable: AsyncDisposable = runner;

function observe(): RunnerStats {
  const listener = (event: RunEvent): void => is<number>(event.metrics.timeMs);
  const same1: SandboxRunner = runner.on('run', listener).off('run', listener);
  same1.once('kill', ({ reason }) => same<Same<typeof reason, KillReason>>(true));
  same1.on('denied', (event) => same<Same<typeof event, DeniedEvent>>(true));
  same1.on('restart', ({ what }) => same<Same<typeof what, 'launcher'>>(true));
  // @ts-expect-error: no such event
  same1.on('start', () => undefined);
  // @ts-expect-error: a stream has write()
  createSandboxRunner({ monitoring: { logger: {} } });
  createSandboxRunner({ monitoring: { logger: process.stderr } });
  const stats = runner.stats();
  is<number | undefined>(stats.outcomes.TIMEOUT ?? stats.outcomes.OK ?? stats.kills.memory);
  is<number>(stats.latency.run.p99);
  return stats;
}

async function results(): Promise<void> {
  const untyped = await runner.run(handler, { a: 1 }, ctx);
  same<Same<typeof untyped, ExecutionResult<unknown>>>(true);
  const typed = await runner.run<{ a: number }, string>(handler, { a: 1 }, ctx);
  if (typed.ok) {
    is<ExecutionSuccess<string>>(typed);
    same<Same<typeof typed.data, string>>(true);
  } else {
    is<ExecutionFailure>(typed);
    is<SandboxError>(typed.error);
    same<Same<typeof typed.error.code, SandboxErrorCode>>(true);
  }
  same<Same<typeof typed.data, string | undefined>>(true);
  is<ExecutionMetrics>(typed.metrics);
  is<number>(typed.metrics.timeMs);
  is<number | undefined>(typed.metrics.phases?.queueMs);
  is<string[] | undefined>(typed.logs);
  is<TraceSpan[] | undefined>(typed.traces);
  // @ts-expect-error: the input has another type
  await runner.run<{ a: number }, string>(handler, { a: 'x' }, ctx);
  const found = runner.isolation();
  same<Same<typeof found, IsolationReport>>(true);
  const layer: IsolationLayer | undefined = found.layers[0];
  is<'active' | 'partial' | 'unavailable' | 'not-needed' | undefined>(layer?.status);
  await runner.dispose();
  await runner[Symbol.asyncDispose]();
}

const greet: Handler<{ name: string }, string> = async (input, context) => {
  is<HandlerContext>(context);
  is<boolean>(context.signal.aborted);
  is<readonly string[]>(context.capabilities);
  context.log.info('m', { a: 1 });
  context.progress(0.5, 'half');
  is<unknown>(await context.host.anything.goes(1));
  const length = context.trace.span('s', () => input.name.length, { k: 1 });
  same<Same<typeof length, number>>(true);
  const later = await context.trace.span('s', async () => input.name);
  same<Same<typeof later, string>>(true);
  return later;
};

function codes(code: SandboxErrorCode): string {
  switch (code) {
    case 'TIMEOUT':
    case 'ABORTED':
    case 'MEMORY_LIMIT':
    case 'CPU_LIMIT':
    case 'THREAD_LIMIT':
    case 'OUTPUT_LIMIT':
    case 'HANDLER_ERROR':
    case 'HANDLER_NOT_FOUND':
    case 'HANDLER_EXIT':
    case 'PERMISSION_DENIED':
    case 'RESULT_TOO_LARGE':
    case 'RESULT_NOT_SERIALIZABLE':
    case 'HOST_LIMIT':
    case 'PROCESS_CRASHED':
    case 'QUEUE_FULL':
    case 'DISPOSED':
    case 'VALIDATION_ERROR':
    case 'ISOLATION_UNAVAILABLE':
    case 'UNSUPPORTED_PLATFORM':
      return code;
    default:
      // The set is closed: nothing is left here.
      return is<never>(code) as unknown as string;
  }
}

async function streamed(): Promise<void> {
  const stream = runner.stream<null, { row: number }, string>(handler, null, ctx);
  for await (const { row } of stream) is<number>(row);
  const ended = await stream.result;
  if (ended.ok) is<string>(ended.data);
}

function caught(error: SandboxConfigError): void {
  same<Same<typeof error.code, 'VALIDATION_ERROR'>>(true);
  is<string | undefined>(error.issues[0]?.path);
  is<TypeError>(error);
}

export { callHost, caught, codes, disposable, greet, observe, report, results, streamed };
