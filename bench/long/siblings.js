// `npm run bench:siblings -- --guests 100000`: nothing random repeats between the guests of one zygote.
//   --startup fork|spawn  --concurrency 8
//   --same-pid   every guest gets the same pid (root, one after the other): what is seeded with it
//                would repeat
//   --out FILE
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { commandOf, descendantsOf } from '../tree.js';
import { fileOf, keep, many, runnerOf, whole } from './common.js';

/** The pid that guests shall have. */
const PID = 1000;

const { values } = parseArgs({
  options: {
    guests: { type: 'string', default: '100000' },
    startup: { type: 'string', default: 'fork' },
    concurrency: { type: 'string', default: '8' },
    'same-pid': { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const guests = whole('guests', values.guests);
const samePid = values['same-pid'];
const concurrency = samePid ? 1 : whole('concurrency', values.concurrency);
// A spare has its pid before it is said which: the one that its run's guest should have.
const runner = runnerOf(values.startup, {
  concurrency,
  maxForks: 1_000_000_000,
  ...(samePid && { spares: 0 }),
});
/** @type {Record<string, Set<unknown>>} */
const seen = {};
/** @type {Map<number, number>} */
const pids = new Map();
/** @type {string[]} */
const repeated = [];
/** @type {string[]} */
const failures = [];
let failed = 0;

/** @param {any} drawn */
function note({ pid, values: drawnValues }) {
  pids.set(pid, (pids.get(pid) ?? 0) + 1);
  for (const [name, value] of Object.entries(drawnValues)) {
    const known = (seen[name] ??= new Set());
    if (known.has(value)) repeated.push(`${name}: ${value}`);
    known.add(value);
  }
}

/**
 * Says, inside of the zygote's PID namespace, which pid was given last.
 *
 * @returns {Promise<{ rewind: () => Promise<void>, close: () => Promise<void> }>}
 */
async function pidSetter() {
  const zygote = descendantsOf(process.pid).find((pid) => /zygote\.cjs/.test(commandOf(pid)));
  if (!zygote) throw new Error('--same-pid: no zygote is running');
  const script = `while read line; do echo ${PID - 1} > /proc/sys/kernel/ns_last_pid && echo done; done`;
  const child = spawn('nsenter', ['-t', String(zygote), '-p', 'sh', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = once(child, 'exit');
  return {
    async rewind() {
      child.stdin.write('\n');
      const { done } = await lines.next();
      if (done) throw new Error('--same-pid needs root and PID namespaces');
    },
    async close() {
      child.stdin.end();
      await exited;
    },
  };
}

const began = performance.now();
note(await runner.run('unique', 0));
const setter = samePid ? await pidSetter() : undefined;
let shown = 0;
await many(guests - 1, concurrency, async (index) => {
  await setter?.rewind();
  try {
    note(await runner.run('unique', index));
  } catch (error) {
    failed++;
    if (failures.length < 10) failures.push(/** @type {Error} */ (error).message);
  }
  if (index >= shown + guests / 10)
    console.log(`${(shown = index)} guests, ${repeated.length} repeated`);
});
await setter?.close();
await runner.close();

const seconds = (performance.now() - began) / 1000;
const distinct = Object.fromEntries(Object.entries(seen).map(([name, set]) => [name, set.size]));
for (const [name, count] of Object.entries(distinct))
  console.log(`${String(count).padStart(9)} different of ${guests}  ${name}`);
const mostOfOne = Math.max(...pids.values());
console.log(
  `${pids.size} pids, one of them ${mostOfOne} times; ${failed} failed; ${seconds.toFixed(0)} s`,
);
for (const text of [...repeated.slice(0, 10).map((one) => `repeated ${one}`), ...failures])
  console.log(text);
const options = { guests, startup: values.startup, concurrency, samePid };
const found = { distinct, repeated, pids: pids.size, mostOfOne, failed, failures, seconds };
const kind = samePid ? 'siblings-same-pid' : 'siblings';
const file = fileOf(kind, values.out);
keep(file, kind, { options, ...found });
console.log(`\nRaw numbers: ${file}`);
// The first was made before it could be said which, and a child of the zygote's own that makes the view
// takes the pid from one more.
const samePidFailed = samePid && mostOfOne < guests - 2;
if (samePidFailed) console.log('not every guest had the same pid');
process.exitCode = repeated.length > 0 || failed > 0 || samePidFailed ? 1 : 0;
