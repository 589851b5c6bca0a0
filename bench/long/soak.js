// `npm run bench:soak`: a host with a small heap, eight hostile guests at a time in random order, and
// polite runs beside them, for a long time.
//   --minutes 30   --heap 128   --guests 8   --seed 1   --only ID,ID
// It fails where a polite run was wrong, the host ended, or something was left behind.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createSandboxRunner } from '../../lib/index.js';
import { commandOf, descendantsOf } from '../tree.js';
import { whole, zombies } from './common.js';
import { chosenOf, openPackage, play, polite } from './hostile.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    heap: { type: 'string', default: '128' },
    guests: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const guests = whole('guests', values.guests);
const ms = Number(values.minutes) * 60_000;
if (!(ms > 0)) {
  console.error('--minutes takes a number above 0');
  process.exit(2);
}

if (process.env.SBX_SOAK) await soak();
else process.exit(await again());

/** With a small heap. @returns {Promise<number>} */
function again() {
  // Of this process, so that it goes with a host that is killed as well.
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sbx-soak-'));
  fs.chmodSync(folder, 0o755);
  const heap = `--max-old-space-size=${whole('heap', values.heap, 32)}`;
  const child = spawn(process.execPath, [heap, ...process.argv.slice(1)], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: folder, SBX_SOAK: '1' },
    stdio: 'inherit',
  });
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      fs.rmSync(folder, { recursive: true, force: true });
      if (signal) console.log(`the host was ended by ${signal}`);
      resolve(code ?? 1);
    });
  });
}

async function soak() {
  const place = openPackage();
  const chosen = chosenOf(values.only);
  const before = leftovers();
  const random = randomFrom(whole('seed', values.seed));
  const runner = createSandboxRunner({ execution: { concurrency: 2 } });
  const end = performance.now() + ms;
  /** @type {Record<string, Record<string, number>>} */
  const ends = {};
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 50);
  const hostileOnes = Array.from({ length: guests }, async () => {
    while (performance.now() < end) {
      const one = chosen[Math.floor(random() * chosen.length)];
      const forMs = Math.min(2000, Math.max(end - performance.now(), 100));
      const seen = await play(one, forMs, place, {
        concurrency: 1,
        timeoutMs: 5000,
        graceMs: 500,
        memoryMb: 64,
      });
      const all = (ends[one.id] ??= {});
      for (const [code, count] of Object.entries(seen)) all[code] = (all[code] ?? 0) + count;
    }
  });
  const minutes = setInterval(
    () =>
      console.log(
        `${((end - performance.now()) / 60_000).toFixed(1)} minutes left, host at ${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB, peak ${(peak / 2 ** 20).toFixed(0)}`,
      ),
    60_000,
  );
  const { times, wrong } = await polite(runner, place.workdir, {
    ms,
    concurrency: 2,
    rounds: 100_000,
  });
  await Promise.all(hostileOnes);
  clearInterval(watch);
  clearInterval(minutes);
  await runner.dispose();
  for (const [id, codes] of Object.entries(ends).sort())
    console.log(id.padEnd(28), JSON.stringify(codes));
  const left = [...leftovers()].filter((name) => !before.has(name));
  const processes = descendantsOf(process.pid).map((pid) => `${pid} ${commandOf(pid)}`);
  console.log(
    `${times.length} polite runs, ${wrong.length} wrong; host at most ${(peak / 2 ** 20).toFixed(0)} MiB resident`,
  );
  for (const each of new Set(wrong)) console.log(`  wrong: ${each}`);
  for (const each of [...left, ...processes]) console.log(`  left behind: ${each}`);
  console.log(`${zombies()} zombies`);
  process.exit(wrong.length + left.length + processes.length + zombies() > 0 ? 1 : 0);
}

/** What runs could leave outside of their processes. */
function leftovers() {
  return new Set([os.tmpdir(), '/dev/shm'].flatMap((folder) => listOf(folder)));
}

/** @param {string} folder */
function listOf(folder) {
  try {
    return fs.readdirSync(folder).map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}

/** mulberry32: the order can be had again. @param {number} seed */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
