// `npm run bench:neighbours`: seven polite runs at a time, alone and beside each hostile handler.
//   --only takes-spin,says-newlines   --seconds 1.5   --rounds 2   --inside cpu   --out FILE
// `--inside CONTROLLER` plays all of it in a control group of its own (version 1, as root), as a
// container would be.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { createSandboxRunner } from '../../lib/index.js';
import { median, quantile } from '../statistics.js';
import { fileOf, keep, whole } from './common.js';
import { chosenOf, openPackage, play, polite } from './hostile.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seconds: { type: 'string', default: '1.5' },
    rounds: { type: 'string', default: '2' },
    inside: { type: 'string' },
    out: { type: 'string' },
  },
});
const chosen = chosenOf(values.only);
const ms = Number(values.seconds) * 1000;
const rounds = whole('rounds', values.rounds);
if (!(ms > 0)) {
  console.error('--seconds takes a number above 0');
  process.exit(2);
}
if (values.inside && !process.env.SBX_INSIDE) process.exit(runInside(values.inside));

/** What the polite ones do: some milliseconds of work, so that a share of a processor is seen. */
const WORK = { concurrency: 7, rounds: 1_000_000 };
/** What the host may lose to one guest, of the issue. */
const WANTED = { p50: 1.25, p99: 1.6, lateMs: 50 };
const MIB = 2 ** 20;

const place = openPackage();
const runner = createSandboxRunner({ execution: { concurrency: WORK.concurrency } });
await polite(runner, place.workdir, { ...WORK, ms: 2000 });

const all = [];
console.log(
  'hostile handler            p50 ×   p99 ×   late ms (alone)  host +MiB  wrong  its ends',
);
for (const one of chosen) {
  const seen = [];
  for (let round = 0; round < rounds; round++) seen.push(await beside(one));
  const row = summary(one, seen);
  all.push(row);
  console.log(lineOf(row));
  for (const wrong of new Set(seen.flatMap((each) => each.wrong))) console.log(`    ${wrong}`);
}
await runner.dispose();

const over = all.filter(isOver);
console.log(
  `\n${all.length} hostile handlers; ${over.length} beyond ×${WANTED.p50} (p50), ×${WANTED.p99} (p99), ` +
    `${WANTED.lateMs} ms late or with a wrong answer${over.length > 0 ? `: ${over.map(({ id }) => id).join(', ')}` : ''}`,
);
const file = fileOf('neighbours', values.out);
keep(file, 'neighbours', {
  options: { ms, rounds, inside: values.inside ?? null },
  wanted: WANTED,
  all,
});
console.log(`Raw numbers: ${file}`);

/** Alone, beside, alone: what the machine does meanwhile hits all three. @param {import('./hostile.js').Hostile} one */
async function beside(one) {
  const before = await watched(ms / 2);
  const hostileRun = play(one, ms + 400, place, {
    concurrency: 1,
    timeoutMs: 60_000,
    memoryMb: 128,
  });
  await new Promise((resolve) => void setTimeout(resolve, 300));
  const during = await watched(ms);
  const ends = await hostileRun;
  const after = await watched(ms / 2);
  const alone = [...before.times, ...after.times];
  return {
    alone: {
      p50: median(alone),
      p99: quantile(alone, 0.99),
      count: alone.length,
      lateMs: before.lateMs,
    },
    beside: {
      p50: median(during.times),
      p99: quantile(during.times, 0.99),
      count: during.times.length,
    },
    lateMs: during.lateMs,
    grownMb: during.peakMb - before.peakMb,
    wrong: [...before.wrong, ...during.wrong, ...after.wrong],
    ends,
  };
}

/** @param {number} forMs */
async function watched(forMs) {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  let peak = process.memoryUsage.rss();
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 20);
  delay.enable();
  const { times, wrong } = await polite(runner, place.workdir, { ...WORK, ms: forMs });
  delay.disable();
  clearInterval(timer);
  return { times, wrong, lateMs: delay.max / 1e6 - 5, peakMb: peak / MIB };
}

/** @param {import('./hostile.js').Hostile} one @param {Awaited<ReturnType<typeof beside>>[]} seen */
function summary(one, seen) {
  const ratios = (/** @type {'p50' | 'p99'} */ at) =>
    seen.map((each) => each.beside[at] / each.alone[at]);
  return {
    id: one.id,
    what: one.what,
    p50: median(ratios('p50')),
    p99: median(ratios('p99')),
    lateMs: median(seen.map((each) => each.lateMs)),
    lateAloneMs: median(seen.map((each) => each.alone.lateMs)),
    grownMb: Math.max(...seen.map((each) => each.grownMb)),
    wrong: seen.reduce((sum, each) => sum + each.wrong.length, 0),
    ends: seen.map((each) => each.ends),
    seen,
  };
}

/** @param {ReturnType<typeof summary>} row */
function isOver({ p50, p99, lateMs, lateAloneMs, wrong }) {
  // A busy machine is late by itself.
  const late = lateMs - lateAloneMs > WANTED.lateMs;
  return p50 > WANTED.p50 || p99 > WANTED.p99 || late || wrong > 0;
}

/** @param {ReturnType<typeof summary>} row */
function lineOf(row) {
  const ends = Object.entries(row.ends[0]).map(([code, count]) => `${code} ${count}`);
  return [
    row.id.padEnd(26),
    row.p50.toFixed(2).padStart(5),
    row.p99.toFixed(2).padStart(7),
    `${row.lateMs.toFixed(0)} (${row.lateAloneMs.toFixed(0)})`.padStart(17),
    row.grownMb.toFixed(0).padStart(10),
    String(row.wrong).padStart(6),
    ` ${ends.join(', ')}${isOver(row) ? '  <-' : ''}`,
  ].join(' ');
}

/** Starts this again in a control group. @param {string} controller @returns {number} its exit status */
function runInside(controller) {
  const group = `/sys/fs/cgroup/${controller}/sbx-neighbours-${process.pid}`;
  try {
    fs.mkdirSync(group);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    console.error(`--inside ${controller} takes root and that controller of version 1: ${message}`);
    return 2;
  }
  const script = `echo $$ > ${group}/cgroup.procs && exec "$0" "$@"`;
  const args = ['-c', script, process.execPath, ...process.argv.slice(1)];
  try {
    execFileSync('sh', args, { stdio: 'inherit', env: { ...process.env, SBX_INSIDE: '1' } });
    return 0;
  } catch (error) {
    return /** @type {any} */ (error).status ?? 1;
  } finally {
    for (let i = 0; i < 100 && fs.existsSync(group); i++) {
      try {
        fs.rmdirSync(group);
      } catch {
        execFileSync('sleep', ['0.1']);
      }
    }
  }
}
