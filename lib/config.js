// SPDX-License-Identifier: MIT
// The configuration: what may be given, what is assumed where nothing is, and what is wrong with it.
import os from 'node:os';
import { isAbsolute } from 'node:path';
import { domainToASCII } from 'node:url';
import { z } from 'zod';
import { loadBinding } from './binding.js';
import { parseHost } from './host.js';
import { isDestination, toDestination } from './logs.js';
import { MAX_TIMER_MS } from './timers.js';

/** What the addon can tell the guest's frames apart by: a frame's length is a 32-bit number. */
const MAX_RESULT_BYTES = 2 ** 30;
/** Below this, Node.js itself does not start. */
const MIN_MEMORY_MB = 32;
/** A Node.js that was executed has 7 to 11 threads of its own, and a pool of 4. */
const MIN_THREADS = 16;
/**
 * Room for a pool of 128 (UV_THREADPOOL_SIZE), workers and native code besides. With programs of its own a run
 * has more: a build starts a Node.js for each processor.
 */
const THREADS = 256;
const THREADS_WITH_PROCESSES = 1024;
const CGROUP = "must be 'auto', 'off', or the absolute path of a cgroup";
/** Node.js opens about 20 descriptors for itself. */
const MIN_OPEN_FILES = 32;

const whole = (
  /** @type {number} */ min,
  /** @type {number} */ max,
  /** @type {string} */ unit,
) => {
  const mend = `must be a whole number of ${unit} from ${min} to ${max}`;
  return z.int(mend).min(min, mend).max(max, mend);
};
const amount = (
  /** @type {number} */ min,
  /** @type {number} */ max,
  /** @type {string} */ unit,
) => {
  const mend = `must be a number of ${unit} from ${min} to ${max}`;
  return z.number(mend).min(min, mend).max(max, mend);
};
const list = (/** @type {string} */ what) =>
  z.array(z.string(`must be a ${what}`).min(1, `must be a ${what}`), `must be a list of ${what}s`);
const flag = () => z.boolean('must be true or false');
/**
 * @template {string} T
 * @param {...T} names
 */
const oneOf = (...names) =>
  z.enum(names, `must be one of: ${names.map((name) => `'${name}'`).join(', ')}`);

const environmentName = z
  .string('must be the name of an environment variable')
  .regex(
    /^(?:[^=\0*]+\*?|\*)$/,
    "must be a name, or a prefix that ends with '*': 'NODE_ENV', 'APP_*'",
  );

/**
 * A name may be written in any script; rules hold it as it is asked for. What is no name stays as it
 * is, for the compiler of rules to find fault with.
 *
 * @param {string} pattern
 */
function toAscii(pattern) {
  // eslint-disable-next-line no-control-regex -- all of ASCII
  if (/^[\x00-\x7f]*$/.test(pattern)) return pattern;
  const [, below = '', name = '', port = ''] = /^(\*\.)?(.*?)(:\d+)?$/s.exec(pattern) ?? [];
  const ascii = domainToASCII(name);
  return ascii === '' ? pattern : `${below}${ascii}${port}`;
}

const hostPattern = z
  .string('must be a host')
  .min(1, 'must be a host')
  .transform((pattern, ctx) => {
    const ascii = toAscii(pattern);
    const why = loadBinding().binding?.addon.checkHost({ pattern: ascii });
    if (why) ctx.addIssue({ code: 'custom', message: `'${pattern}' is no host pattern: ${why}` });
    return ascii;
  });
const hosts = () => z.array(hostPattern, 'must be a list of hosts').max(4096, 'is too long');

const hostFunctions = z.any().transform((given, ctx) =>
  parseHost(given, (path, message) => {
    ctx.addIssue({ code: 'custom', path, message });
  }),
);

/** They travel with every run, in 32 KiB together with its paths. */
const moduleName = z
  .string('must be a module')
  .min(1, 'must be a module')
  .max(1024, 'must be a module: it is too long')
  .refine((name) => !name.includes('\0'), 'must not contain a NUL character');

const schema = z
  .strictObject(
    {
      mode: oneOf('subprocess', 'inprocess').default('subprocess'),
      startup: oneOf('auto', 'spawn', 'fork').default('auto'),
      isolation: oneOf('strict', 'best-effort').default('strict'),
      serialization: oneOf('json', 'advanced').default('json'),
      devMode: flag().default(false),
      debug: flag().default(false),
      runtime: z
        .strictObject({
          path: z
            .string('must be a path')
            .regex(/^\/[^\0]*$/, 'must be the absolute path of a Node.js')
            .optional(),
        })
        .prefault({}),
      execution: z
        .strictObject({
          timeoutMs: whole(1, MAX_TIMER_MS, 'milliseconds').default(30_000),
          graceMs: whole(0, MAX_TIMER_MS, 'milliseconds').default(5_000),
          memoryMb: whole(MIN_MEMORY_MB, 2 ** 20, 'MiB').default(512),
          cpuMs: whole(1, MAX_TIMER_MS, 'milliseconds').optional(),
          maxThreads: whole(MIN_THREADS, 100_000, 'threads').optional(),
          concurrency: whole(1, 10_000, 'runs').default(() => os.availableParallelism() * 2),
          maxQueue: whole(0, 1_000_000, 'runs').default(1_000),
          queueTimeoutMs: whole(1, MAX_TIMER_MS, 'milliseconds').optional(),
          maxResultBytes: whole(0, MAX_RESULT_BYTES, 'bytes').default(16 * 2 ** 20),
          maxOpenFiles: whole(MIN_OPEN_FILES, 2 ** 20, 'descriptors').default(256),
          maxFileSizeMb: amount(0.001, 2 ** 30, 'MiB').optional(),
          maxOutputMb: amount(0.001, 2 ** 30, 'MiB').default(1_024),
          maxOutputFiles: whole(0, 1_000_000_000, 'files and directories').default(100_000),
          tmpSizeMb: amount(0, 2 ** 20, 'MiB').default(64),
          maxHostCalls: whole(1, 10_000, 'calls').default(64),
          maxMessageBytes: whole(1024, 2 ** 28, 'bytes').default(4 * 2 ** 20),
          maxForks: whole(1, 1_000_000_000, 'runs').default(10_000),
          spares: z
            .union(
              [z.literal('auto'), z.int().min(0).max(1_000)],
              "must be 'auto' or 0 to 1000 guests",
            )
            .default('auto'),
          preload: z
            .array(moduleName, 'must be a list of modules')
            .max(64, 'is too long')
            .default([]),
          cgroup: z
            .string(CGROUP)
            .refine((at) => at === 'auto' || at === 'off' || isAbsolute(at), CGROUP)
            .refine((at) => !at.includes('\0'), 'must not contain a NUL character')
            .refine((at) => at.length <= 1024, 'must be a path: it is too long')
            .default('off'),
          preloadTimeoutMs: whole(1, MAX_TIMER_MS, 'milliseconds').default(30_000),
        })
        .prefault({}),
      permissions: z
        .strictObject({
          env: z
            .strictObject({
              allow: z.array(environmentName, 'must be a list of names').default([]),
            })
            .prefault({}),
          filesystem: z
            .strictObject({
              allow: list('path').default([]),
              deny: list('path').default([]),
              readOnly: flag().default(false),
            })
            .prefault({}),
          network: z
            .strictObject({ allow: hosts().default([]), deny: hosts().default([]) })
            .prefault({}),
          capabilities: list('capability').default([]),
        })
        .prefault({}),
      host: hostFunctions.default(() => new Map()),
      monitoring: z
        .strictObject({
          collectLogs: flag().default(true),
          collectMetrics: flag().default(true),
          collectTraces: flag().default(false),
          logBufferSizeMb: amount(0, 1024, 'MiB').default(1),
          logFormat: oneOf('text', 'timed', 'json').default('text'),
          logger: z
            .custom(isDestination, 'must have debug, info, warn and error, or be a stream')
            .transform(toDestination)
            .optional(),
          openTelemetry: flag().default(true),
          sampleIntervalMs: whole(0, 86_400_000, 'milliseconds').default(0),
          collectIsolation: flag().default(false),
          collectNetwork: flag().default(false),
        })
        .prefault({}),
    },
    'must be an object',
  )
  .superRefine(({ startup, execution }, ctx) => {
    if (startup !== 'spawn' || execution.preload.length === 0) return;
    const message = "needs guests that are forked: it does nothing with startup 'spawn'";
    ctx.addIssue({ code: 'custom', path: ['execution', 'preload'], message });
  })
  .transform(({ execution, ...rest }) => {
    const spawns = rest.permissions.capabilities.includes('process:spawn');
    const { maxThreads = spawns ? THREADS_WITH_PROCESSES : THREADS } = execution;
    return { ...rest, execution: { ...execution, maxThreads } };
  });

/** @typedef {z.output<typeof schema>} Config a configuration with nothing left out */

/**
 * @param {unknown} config
 * @returns {Readonly<Config>} a copy of its own: what the caller changes later has no effect
 * @throws {TypeError} with `code` VALIDATION_ERROR and `issues`, all that is wrong at once
 */
export function parseConfig(config) {
  const parsed = schema.safeParse(config);
  if (parsed.success) {
    // What functions and schemas hold is the caller's.
    const { host, ...rest } = parsed.data;
    return Object.freeze({ ...freeze(rest), host });
  }
  throw invalidConfig(parsed.error.issues.flatMap(describe));
}

/** @param {{ path: string, message: string }[]} issues */
export function invalidConfig(issues) {
  const lines = issues.map(({ path, message }) => `  ${path || 'the configuration'} ${message}`);
  const error = new TypeError(`The sandbox configuration is not valid:\n${lines.join('\n')}`);
  return Object.assign(error, { code: 'VALIDATION_ERROR', issues });
}

/**
 * @param {z.core.$ZodIssue} issue
 * @returns {{ path: string, message: string }[]}
 */
function describe(issue) {
  const path = issue.path.map(String);
  if (issue.code !== 'unrecognized_keys') return [{ path: path.join('.'), message: issue.message }];
  return issue.keys.map((key) => ({
    path: [...path, key].join('.'),
    message: `is not a key that is known${suggest(path, key)}`,
  }));
}

/**
 * The key that was probably meant, when only its case differs.
 *
 * @param {string[]} path
 * @param {string} key
 */
function suggest(path, key) {
  /** @type {any} */
  let level = schema.parse({});
  for (const step of path) level = level?.[step];
  const optional = ['cpuMs', 'queueTimeoutMs', 'maxFileSizeMb'];
  const known = [
    ...Object.keys(level ?? {}),
    ...(path[0] === 'execution' ? optional : []),
    ...(path[0] === 'monitoring' ? ['logger'] : []),
    ...(path[0] === 'runtime' ? ['path'] : []),
  ];
  const meant = known.find((name) => name.toLowerCase() === key.toLowerCase());
  return meant ? `; did you mean '${meant}'?` : `; known here: ${known.join(', ')}`;
}

/**
 * @template T
 * @param {T} value
 * @returns {Readonly<T>}
 */
function freeze(value) {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze);
  return Object.freeze(value);
}
