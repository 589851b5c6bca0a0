// What the long benchmarks share: a runner of this package, and what is in its processes.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSandboxRunner } from '../../lib/index.js';
import { describeMachine } from '../machine.js';
import { descendantsOf, stateOf } from '../tree.js';

const guest = fileURLToPath(new URL('../guest', import.meta.url));
const results = fileURLToPath(new URL('../results', import.meta.url));

/**
 * @param {string} startup
 * @param {{ concurrency: number, maxForks: number, spares?: number, permissions?: object }} options
 *   `maxForks` 0 for the default
 */
export function runnerOf(startup, { concurrency, maxForks, spares, permissions }) {
  const runner = createSandboxRunner(
    /** @type {any} */ ({
      startup,
      execution: {
        concurrency,
        maxQueue: 1_000_000,
        ...(maxForks > 0 && { maxForks }),
        ...(spares !== undefined && { spares }),
      },
      ...(permissions && { permissions }),
    }),
  );
  return {
    /** @param {string} name of a guest @param {any} input @returns {Promise<any>} */
    async run(name, input) {
      const handler = { file: `${name}.cjs`, export: 'run' };
      const result = await runner.run(handler, input, { requestId: 'bench', workdir: guest });
      if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
      return result.data;
    },
    close: () => runner.dispose(),
  };
}

/**
 * So many runs, some at a time.
 *
 * @param {number} count
 * @param {number} concurrency
 * @param {(index: number) => Promise<void>} one
 */
export async function many(count, concurrency, one) {
  let begun = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (begun < count) await one(begun++);
    }),
  );
}

/** Processes below this one that have ended and that nobody has waited for. */
export const zombies = () =>
  descendantsOf(process.pid).filter((pid) => stateOf(pid) === 'Z').length;

/** A whole number of an option. @param {string} name @param {string} text @param {number} [least] */
export function whole(name, text, least = 1) {
  const n = Number(text);
  if (Number.isInteger(n) && n >= least) return n;
  console.error(`--${name} takes a whole number of at least ${least}`);
  return process.exit(2);
}

/** Where a result goes. @param {string} kind @param {string | undefined} out as the user said */
export function fileOf(kind, out) {
  const name = `${kind}-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.json`;
  const file = path.resolve(out ?? path.join(results, name));
  fs.mkdirSync(path.dirname(file), { recursive: true });
  return path.relative(process.cwd(), file);
}

/** @param {string} file @param {string} kind @param {object} result */
export function keep(file, kind, result) {
  const date = new Date().toISOString();
  const all = { kind, date, node: process.versions.node, machine: describeMachine(), ...result };
  fs.writeFileSync(file, `${JSON.stringify(all, shorten, 1)}\n`);
}

/** @param {string} _key @param {unknown} value */
const shorten = (_key, value) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
