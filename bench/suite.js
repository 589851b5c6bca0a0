// Asks the questions, prints their tables, keeps their numbers. Started by run.js.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { choose, subjects } from './catalogue.js';
import { describeMachine, steal } from './machine.js';
import { versions } from './measure.js';
import { print } from './print.js';
import { createProgress } from './progress.js';
import { commandOf, descendantsOf } from './tree.js';

const here = fileURLToPath(new URL('.', import.meta.url));
/** In the order in which they are asked. */
const QUESTIONS = ['latency', 'first', 'throughput', 'memory', 'payload', 'logs', 'import'];
QUESTIONS.push('pace', 'hostcall', 'guards', 'network', 'kill', 'growth', 'scale');
/** Seconds that all may take: 2 and 15 minutes, less what stopping takes. */
const LIMIT = { quick: 108, full: 850 };

const { values, positionals } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    only: { type: 'string' },
    try: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const { long, only } = values;
/** Whether everything can be measured at all is seen from one round, however long it takes. */
const attempt = values.try;
const quick = values.quick || attempt;
if (only) choose(only.split(','));
const unknown = positionals.filter((name) => !QUESTIONS.includes(name));
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(', ')}. Known: ${QUESTIONS.join(', ')}.`);
  process.exit(2);
}

const chosen = QUESTIONS.filter((name) => positionals.length === 0 || positionals.includes(name));
const modules = await Promise.all(
  chosen.map(async (name) => ({ name, ...(await import(`./questions/${name}.js`)) })),
);
const machine = describeMachine();
const stolen = steal();
const end = performance.now() + LIMIT[quick ? 'quick' : 'full'] * 1000;
/** @type {Record<string, import('./measure.js').Answer>} */
const answers = {};
const date = new Date().toISOString();
const kind = attempt
  ? 'try-'
  : quick
    ? 'quick-'
    : only || chosen.length < QUESTIONS.length
      ? 'partial-'
      : '';
const directory = path.join(here, 'results');
const file = path.join(directory, `${kind}${date.replaceAll(/[:.]/g, '-')}.json`);

/** After each question: what was measured shall not be lost with what ends the suite. */
function keep() {
  const results = {
    format: 1,
    date,
    quick,
    long,
    machine: { ...machine, loadAfter: describeMachine().load, stealPercent: stolen() },
    versions: { node: process.versions.node, v8: process.versions.v8, ...versions },
    subjects: subjects.map(({ id, name, kind: of, isolation }) => ({
      id,
      name,
      kind: of,
      isolation,
    })),
    answers,
  };
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(`${file}.part`, `${JSON.stringify(results, shorten)}\n`);
}

const progress = await createProgress();
let weight = modules.reduce((sum, { seconds }) => sum + seconds[quick ? 'quick' : 'full'], 0);
for (const { name, seconds, ask } of modules) {
  const wanted = seconds[quick ? 'quick' : 'full'];
  const left = end - performance.now();
  // Those that took longer than they should take it from the ones that follow.
  const fair = Math.min(wanted * 1000, (left * wanted) / weight);
  const ms = long || attempt ? wanted * 10_000 : Math.max(fair, 0);
  // Of the questions that follow.
  weight -= wanted;
  progress.begin(name);
  try {
    answers[name] = await ask({
      quick,
      long,
      ms,
      hardStop:
        long || attempt ? Infinity : Math.max(performance.now() + ms, end - 0.6 * weight * 1000),
      progress: (/** @type {number} */ share, /** @type {string} */ what) =>
        progress.update(share, what),
    });
  } catch (error) {
    // What was measured before shall not be lost with it.
    console.error(`${name} failed:`, error);
    process.exitCode = 1;
  }
  progress.end();
  if (answers[name]) print(name, answers[name]);
  keep();
}

fs.renameSync(`${file}.part`, file);
console.log(`\nRaw numbers: ${path.relative(process.cwd(), file)}`);

const left = descendantsOf(process.pid);
for (const pid of left) console.error(`left running: ${pid} ${commandOf(pid)}`);
process.exit(left.length > 0 ? 1 : process.exitCode);

/** Digits beyond what was measured only take room. @param {string} _key @param {unknown} value */
function shorten(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value)
    ? Number(value.toPrecision(5))
    : value;
}
