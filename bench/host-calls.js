// How long does a call of a host function take, there and back, and does memory grow with many?
//   node --expose-gc bench/host-calls.js [calls]
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createSandboxRunner } from '../lib/index.js';

const MIB = 2 ** 20;
const calls = Number(process.argv[2] ?? 100_000);
const HANDLER = `export async function handle(calls, { host }) {
  const times = new Array(calls);
  const before = process.memoryUsage().rss;
  for (let i = 0; i < calls; i++) {
    const begun = process.hrtime.bigint();
    await host.add(i, 1);
    times[i] = Number(process.hrtime.bigint() - begun) / 1e3;
  }
  return { times, grown: process.memoryUsage().rss - before };
}`;

const workdir = fs.mkdtempSync(path.join(os.tmpdir(), 'host-calls-'));
fs.writeFileSync(path.join(workdir, 'handler.mjs'), HANDLER);
const handler = { file: 'handler.mjs', export: 'handle' };

/** @param {import('../lib/index.js').SandboxConfig} config @param {string} name */
async function measure(config, name) {
  const runner = createSandboxRunner({
    ...config,
    execution: { timeoutMs: 600_000 },
    host: { add: (_, a, b) => a + b },
  });
  const once = (/** @type {number} */ count) =>
    runner.run(handler, count, { requestId: 'bench', workdir });
  await once(1000);
  global.gc?.();
  const before = process.memoryUsage().rss;
  const result = await once(calls);
  global.gc?.();
  const grown = process.memoryUsage().rss - before;
  if (!result.ok) throw new Error(result.error.message);
  const { times, grown: guest } = /** @type {any} */ (result.data);
  times.sort((/** @type {number} */ a, /** @type {number} */ b) => a - b);
  const [p50, p95] = [0.5, 0.95].map((q) => times[Math.floor(calls * q)].toFixed(1));
  const [here, there] = [grown, guest].map((bytes) => (bytes / MIB).toFixed(1));
  console.log(`${name}: p50 ${p50} us, p95 ${p95} us; host grew ${here} MiB, guest ${there} MiB`);
  await runner.dispose();
}

try {
  await measure({ mode: 'inprocess' }, 'inprocess');
  await measure({ startup: 'spawn' }, 'subprocess, spawn');
  await measure({ startup: 'fork' }, 'subprocess, fork');
} finally {
  fs.rmSync(workdir, { recursive: true });
}
