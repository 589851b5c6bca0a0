// What neighbours.js and soak.js share: a hostile runner that plays one handler again and again, and
// polite runs whose answers are checked.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createSandboxRunner } from '../../lib/index.js';
import { hostile, install } from './acts.js';

/** @typedef {import('./acts.js').Hostile} Hostile */

/** The package of hostile handlers in a folder of its own, which goes with this process. */
export function openPackage() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sbx-hostile-'));
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const workdir = path.join(folder, 'package');
  install(workdir);
  // Guests of a host that is root may be another user.
  for (const at of [folder, workdir]) fs.chmodSync(at, 0o755);
  let last = 0;
  const outdir = () => {
    const made = path.join(folder, `out-${++last}`);
    fs.mkdirSync(made);
    fs.chmodSync(made, 0o777);
    return made;
  };
  return { workdir, outdir };
}

/** @param {string | undefined} ids with commas; all without */
export function chosenOf(ids) {
  if (ids === undefined) return hostile;
  const wanted = ids.split(',');
  const unknown = wanted.filter((id) => !hostile.some((one) => one.id === id));
  if (unknown.length === 0) return hostile.filter(({ id }) => wanted.includes(id));
  console.error(
    `Unknown: ${unknown.join(', ')}. Known: ${hostile.map(({ id }) => id).join(', ')}.`,
  );
  return process.exit(2);
}

/**
 * Plays one hostile handler for so long, as often as it ends.
 *
 * @param {Hostile} one
 * @param {number} ms
 * @param {ReturnType<typeof openPackage>} place
 * @param {object} execution
 * @returns {Promise<Record<string, number>>} how often each end was seen
 */
export async function play(one, ms, place, execution) {
  const runner = createSandboxRunner(/** @type {any} */ ({ ...one.config, execution }));
  const { outdir, consume, ...rest } = /** @type {any} */ (one.ctx ?? {});
  const end = performance.now() + ms;
  /** @type {Record<string, number>} */
  const ends = {};
  while (performance.now() < end) {
    const made = outdir && place.outdir();
    const ctx = {
      requestId: 'hostile',
      workdir: place.workdir,
      pluginRoot: place.workdir,
      ...(made && { outdir: made }),
      ...rest,
    };
    const input = one.input(Math.max(end - performance.now(), 50));
    const handler = { file: one.file, export: one.export };
    const result = await (consume
      ? drain(runner, handler, input, ctx)
      : runner.run(handler, input, ctx));
    const code = result.ok ? 'OK' : result.error.code;
    ends[code] = (ends[code] ?? 0) + 1;
    if (made) fs.rmSync(made, { recursive: true, force: true });
  }
  await runner.dispose();
  return ends;
}

/** Takes chunks as they come. @param {import('../../lib/index.js').SandboxRunner} runner @param {any} handler @param {any} input @param {any} ctx */
async function drain(runner, handler, input, ctx) {
  const stream = runner.stream(handler, input, ctx);
  try {
    for await (const chunk of stream) void chunk;
  } catch {
    // The result says why.
  }
  return stream.result;
}

/** What the polite handler answers. @param {{ rounds: number, seed: number }} input */
function answerTo({ rounds, seed }) {
  let sum = seed;
  for (let i = 0; i < rounds; i++) sum = (sum * 31 + i) | 0;
  return sum;
}

/**
 * Polite runs, some at a time, for so long.
 *
 * @param {import('../../lib/index.js').SandboxRunner} runner
 * @param {string} workdir
 * @param {{ ms: number, concurrency: number, rounds: number }} options
 */
export async function polite(runner, workdir, { ms, concurrency, rounds }) {
  /** @type {number[]} */
  const times = [];
  /** @type {string[]} */
  const wrong = [];
  const end = performance.now() + ms;
  const ctx = { requestId: 'polite', workdir, pluginRoot: workdir };
  let seed = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() < end) {
        const input = { rounds, seed: ++seed };
        const expected = answerTo(input);
        const began = performance.now();
        const result = await runner.run({ file: 'good.cjs', export: 'run' }, input, ctx);
        times.push(performance.now() - began);
        if (!result.ok) wrong.push(`${result.error.code}: ${result.error.message}`);
        else if (result.data !== expected) wrong.push(`${result.data} instead of ${expected}`);
      }
    }),
  );
  return { times, wrong };
}
