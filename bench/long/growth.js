// `npm run bench:growth -- --runs 1000000`: what does one host process keep of many runs?
//   --startup fork|spawn  --concurrency 8  --points 50
//   --max-forks N   a new zygote after so many runs; by default one zygote makes them all
//   --check         fails where something has grown, or is left over
//   --out FILE
import fs from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runInNewContext } from 'node:vm';
import { commandOf, descendantsOf, proportional, resident } from '../tree.js';
import { fileOf, keep, many, runnerOf, whole, zombies } from './common.js';

const MIB = 2 ** 20;
/** Runs before the first look, and a part of the counted ones: then heaps and pools have their size. */
const WARM_RUNS = 2000;
const WARM = 0.1;
/** What may have come by the end, against what was there after the first tenth. */
const MOST = { hostMb: 10, zygoteMb: 2, zygoteRssMb: 4, launcherMb: 1 };
const NONE = /** @type {const} */ (['descriptors', 'processes', 'zombies', 'tmp', 'failed']);

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000000' },
    startup: { type: 'string', default: 'fork' },
    concurrency: { type: 'string', default: '8' },
    points: { type: 'string', default: '50' },
    'max-forks': { type: 'string', default: '1000000000' },
    check: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const runs = whole('runs', values.runs, 20);
const concurrency = whole('concurrency', values.concurrency);
const points = whole('points', values.points, 2);
const maxForks = whole('max-forks', values['max-forks']);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const runner = runnerOf(values.startup, { concurrency, maxForks });
/** What each run calls a file of its own in /tmp, which is nobody else's. */
const litter = `kb-sandbox-growth-${process.pid}-`;
let failed = 0;
/** @type {string[]} */
const reasons = [];

/** @param {number} index */
async function one(index) {
  try {
    const input = { index, litter };
    if ((await runner.run('litter', input))?.index !== index) throw new Error('another result');
  } catch (error) {
    failed++;
    if (reasons.length < 10) reasons.push(`${index}: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {number} done @param {number} seconds */
async function look(done, seconds) {
  // Guests ahead of their run are not there while nothing runs for a while.
  for (let i = 0; i < 5; i++) {
    collect();
    await sleep(40);
  }
  const below = descendantsOf(process.pid);
  const of = (/** @type {RegExp} */ name) => below.filter((pid) => name.test(commandOf(pid)));
  const zygote = of(/zygote\.cjs/);
  const sum = (/** @type {number[]} */ pids, /** @type {(pid: number) => number} */ bytes) =>
    pids.reduce((all, pid) => all + bytes(pid), 0) / MIB;
  return {
    runs: done,
    seconds,
    hostMb: process.memoryUsage.rss() / MIB,
    heapMb: process.memoryUsage().heapUsed / MIB,
    zygoteMb: sum(zygote, proportional),
    zygoteRssMb: sum(zygote, resident),
    launcherMb: sum(of(/\/launcher/), resident),
    descriptors: fs.readdirSync('/proc/self/fd').length,
    processes: below.length,
    zombies: zombies(),
    tmp: fs.readdirSync('/tmp').filter((name) => name.startsWith(litter)).length,
    failed,
  };
}

/** @typedef {Awaited<ReturnType<typeof look>>} Look */
const COLUMNS = /** @type {(keyof Look)[]} */ ([
  ...['runs', 'seconds', 'hostMb', 'heapMb', 'zygoteMb', 'zygoteRssMb', 'launcherMb'],
  ...['descriptors', 'processes', 'zombies', 'failed'],
]);
const cell = (/** @type {string | number} */ value) =>
  (typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(1) : `${value}`).padStart(
    12,
  );

console.log(COLUMNS.map(cell).join(''));
/** @type {Look[]} */
const seen = [];
const print = (/** @type {Look} */ found) => {
  seen.push(found);
  console.log(COLUMNS.map((name) => cell(found[name])).join(''));
};
await many(WARM_RUNS, concurrency, one);
const options = { runs, startup: values.startup, concurrency, maxForks };
const file = values.check && !values.out ? undefined : fileOf('growth', values.out);
const began = performance.now();
let done = 0;
print(await look(0, 0));
for (let point = 1; point <= points; point++) {
  const count = Math.round((runs * point) / points) - done;
  const from = done;
  await many(count, concurrency, (index) => one(from + index));
  done += count;
  print(await look(done, (performance.now() - began) / 1000));
  // Hours may have gone into it when something ends it.
  if (file) keep(file, 'growth', { options, done, seen, reasons });
}
const verdicts = judge();
for (const { what, grown, most } of verdicts)
  console.log(`${grown <= most ? 'ok' : 'GROWN'}  ${what}: ${cell(grown).trim()}, at most ${most}`);
for (const reason of reasons) console.log(`failed  ${reason}`);
await runner.close();
const left = descendantsOf(process.pid).length;
console.log(`${left === 0 ? 'ok' : 'LEFT'}  processes after dispose(): ${left}`);
if (file) {
  keep(file, 'growth', { options, done, seen, reasons, verdicts, left });
  console.log(`\nRaw numbers: ${file}`);
}
if (values.check && (left > 0 || verdicts.some(({ grown, most }) => grown > most)))
  process.exitCode = 1;

function judge() {
  const first = seen.find((found) => found.runs >= WARM * runs) ?? seen[0];
  const last = /** @type {Look} */ (seen.at(-1));
  return [
    ...Object.entries(MOST).map(([what, most]) => {
      const key = /** @type {keyof typeof MOST} */ (what);
      return { what, grown: last[key] - first[key], most };
    }),
    ...NONE.map((what) => ({
      what,
      grown: what === 'zombies' || what === 'failed' ? last[what] : last[what] - first[what],
      most: 0,
    })),
  ];
}
