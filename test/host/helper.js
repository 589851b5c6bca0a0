// What the tests of host functions, streams and progress share: the ways to run, one after the other.
import { createSandboxRunner } from '../../lib/index.js';
import { fileURLToPath } from 'node:url';

/** @typedef {import('../../lib/index.js').SandboxConfig} SandboxConfig */

export const workdir = fileURLToPath(new URL('./fixtures/', import.meta.url));

/** @type {Record<string, SandboxConfig>} */
export const WAYS = {
  inprocess: { mode: 'inprocess' },
  spawn: { mode: 'subprocess', startup: 'spawn' },
  fork: { mode: 'subprocess', startup: 'fork' },
};

/**
 * A subtest for each way to run.
 *
 * @param {any} t
 * @param {string} name
 * @param {(t: any, way: SandboxConfig) => Promise<void>} body
 * @param {string[]} [ways]
 */
export function everyWay(t, name, body, ways = Object.keys(WAYS)) {
  for (const way of ways)
    t.test(`${name} (${way})`, (/** @type {any} */ sub) => body(sub, WAYS[way]));
}

/** @param {any} t @param {SandboxConfig} config */
export function sandbox(t, config) {
  const runner = createSandboxRunner({
    ...config,
    execution: { graceMs: 100, timeoutMs: 20_000, ...config.execution },
  });
  t.teardown(() => runner.dispose());
  return {
    runner,
    /** @param {string} name of the export @param {unknown} [input] @param {object} [ctx] @returns {Promise<any>} */
    run: (name, input, ctx) =>
      runner.run({ file: 'handlers.mjs', export: name }, input, {
        requestId: 'r1',
        workdir,
        ...ctx,
      }),
    /** @param {string} name @param {unknown} [input] @param {object} [ctx] @returns {any} */
    stream: (name, input, ctx) =>
      runner.stream({ file: 'handlers.mjs', export: name }, input, {
        requestId: 'r1',
        workdir,
        ...ctx,
      }),
  };
}
