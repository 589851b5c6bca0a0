// This package.
import { createSandboxRunner } from '../../lib/index.js';
import { USE } from '../../lib/confinement.js';
import { Missing, guestDirectory, guestFile } from './common.js';

/**
 * @param {{ startup?: string, preload?: boolean, spares?: number, guards?: number, mode?: string }} variant
 * @param {import('./common.js').Options} options
 * @returns {Promise<import('./common.js').Instance>}
 */
export async function open({ startup, preload, spares, mode, guards: all }, options) {
  const {
    handler,
    concurrency = 2048,
    memoryMb,
    graceMs,
    permissions,
    isolation,
    monitoring,
    calls,
    guards = all,
  } = options;
  const config = {
    ...(mode && { mode }),
    ...(startup && { startup }),
    // The self-test cannot pass without what it tests.
    ...(guards === undefined ? isolation && { isolation } : { isolation: 'best-effort' }),
    execution: {
      concurrency,
      maxQueue: 100_000,
      maxResultBytes: 2 ** 30, // 64 MB of records count as some 300.
      ...(memoryMb && { memoryMb }),
      ...(graceMs !== undefined && { graceMs }),
      ...(preload && { preload: [guestFile(handler)] }),
      ...(spares !== undefined && { spares }),
    },
    ...(permissions && { permissions }),
    ...(monitoring && { monitoring }),
    ...(calls && { host: { echo: async (/** @type {any[]} */ ...args) => args.at(-1) } }),
  };
  const runner = create(config);
  if (guards !== undefined) {
    const seen = await planWith(guards, () => run(runner, 'peek', '/etc/passwd'));
    if (guards === 0 && !seen) {
      await runner.dispose();
      throw new Missing('its guards cannot be turned off from here');
    }
  }
  return {
    run: (name, input) => run(runner, name, input),
    hold: (name) => hold(runner, name),
    print: (lines, length) => print(runner, lines, length),
    close: () => runner.dispose(),
  };
}

/** @param {any} config @returns {import('../../lib/index.js').SandboxRunner} */
function create(config) {
  try {
    return createSandboxRunner(config);
  } catch (error) {
    const [issue] = /** @type {any} */ (error).issues ?? [];
    const [message] = (issue?.message ?? /** @type {Error} */ (error).message).split('; known');
    throw new Missing(`this version refuses ${issue?.path || 'it'}: ${message}`);
  }
}

/**
 * The configuration has no switch for guards. A runner plans what confines its guests when it runs
 * for the first time, from what the machine offers and these bits.
 *
 * @template T
 * @param {number} mask
 * @param {() => Promise<T>} firstRun
 */
async function planWith(mask, firstRun) {
  const before = { ...USE };
  for (const name of /** @type {(keyof typeof USE)[]} */ (Object.keys(USE)))
    USE[name] = name === 'selfTest' ? 0 : before[name] & mask;
  try {
    return await firstRun();
  } finally {
    Object.assign(USE, before);
  }
}

const context = { requestId: 'bench', workdir: guestDirectory };

/** @param {import('../../lib/index.js').SandboxRunner} runner @param {string} name @param {any} input */
async function run(runner, name, input) {
  const result = await runner.run({ file: `${name}.cjs`, export: 'run' }, input, context);
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.data;
}

/** @param {import('../../lib/index.js').SandboxRunner} runner @param {string} name */
function hold(runner, name) {
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    const gone = runner.run(
      { file: `${name}.cjs`, export: 'run' },
      { ms: 600_000 },
      {
        ...context,
        signal: controller.signal,
        onLog: () =>
          resolve({
            async end() {
              controller.abort();
              await gone;
            },
          }),
      },
    );
    gone.then((result) => reject(new Error(result.error?.message ?? 'it ended by itself')), reject);
  });
}

/** @param {import('../../lib/index.js').SandboxRunner} runner @param {number} lines @param {number} length */
async function print(runner, lines, length) {
  const result = await runner.run({ file: 'print.cjs', export: 'run' }, { lines, length }, context);
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  // The newest are kept, and the others counted.
  return ((result.logs?.length ?? 0) + (result.logsDropped ?? 0)) * length;
}
