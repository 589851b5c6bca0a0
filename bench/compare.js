// What changed between two results of the suite.
import fs from 'node:fs';
import { interval, overlap, ratio, typical } from './statistics.js';
import { short, spreadOf, title } from './print.js';

/**
 * @typedef {object} Change
 * @property {string} question
 * @property {string} subject
 * @property {string} [case]
 * @property {number} [at]
 * @property {number} before
 * @property {number} after
 * @property {number} ratio
 * @property {import('./statistics.js').Interval | undefined} interval
 * @property {'better' | 'worse' | 'no difference seen' | 'too few numbers'} verdict
 */

/**
 * @param {any} a results
 * @param {any} b results
 * @returns {{ changes: Change[], onlyA: string[], onlyB: string[], warnings: string[] }}
 */
export function compare(a, b) {
  const [rowsA, rowsB] = [keyed(a), keyed(b)];
  /** @type {Change[]} */
  const changes = [];
  for (const [key, { question, better, row }] of rowsA) {
    const other = rowsB.get(key);
    if (other) changes.push({ question, ...changeOf(better, row, other.row) });
  }
  return {
    changes,
    onlyA: [...rowsA.keys()].filter((key) => !rowsB.has(key)),
    onlyB: [...rowsB.keys()].filter((key) => !rowsA.has(key)),
    warnings: warningsOf(a, b, changes),
  };
}

/**
 * @param {'lower' | 'higher'} better
 * @param {import('./measure.js').Row} a
 * @param {import('./measure.js').Row} b
 */
function changeOf(better, a, b) {
  // Rounds of two runs of the suite have nothing in common.
  const found = ratio(a.visits, b.visits, { paired: false });
  const { subject, case: of, at } = a;
  return {
    subject,
    ...(of !== undefined && { case: of }),
    ...(at !== undefined && { at }),
    before: typical(a.visits),
    after: typical(b.visits),
    ...found,
    verdict: verdictOf(better, a, b, found.ratio),
  };
}

/**
 * @param {'lower' | 'higher'} better
 * @param {import('./measure.js').Row} a
 * @param {import('./measure.js').Row} b
 * @param {number} found
 * @returns {Change['verdict']}
 */
function verdictOf(better, a, b, found) {
  const [ia, ib] = [interval(a.visits), interval(b.visits)];
  if (!ia || !ib) return 'too few numbers';
  if (overlap(ia, ib)) return 'no difference seen';
  return found < 1 === (better === 'lower') ? 'better' : 'worse';
}

/**
 * Rows by what they are.
 *
 * @param {any} results
 * @returns {Map<string, { question: string, better: 'lower' | 'higher', row: import('./measure.js').Row }>}
 */
function keyed({ answers }) {
  const all = new Map();
  for (const [question, { better, rows }] of Object.entries(/** @type {any} */ (answers)))
    for (const row of rows) all.set(keyOf(question, row), { question, better, row });
  return all;
}

/** @param {string} question @param {import('./measure.js').Row} row */
function keyOf(question, { subject, case: of, at, place }) {
  return [question, subject, of, place ?? at].filter((part) => part !== undefined).join(' · ');
}

/** What the others are measured by. */
const REFERENCE = 'cp-fork';

/**
 * How many times child_process.fork's number each row's is, in either result: what should be the same
 * when nothing has changed, whatever the machine did.
 *
 * @param {any} a results
 * @param {any} b results
 */
export function compareRatios(a, b) {
  const [ratiosA, ratiosB] = [ratiosOf(a), ratiosOf(b)];
  return [...ratiosA].flatMap(([key, one]) => {
    const other = ratiosB.get(key);
    if (!other) return [];
    const [spreadA, spreadB] = [one.interval, other.interval];
    const agree = spreadA && spreadB && overlap(spreadA, spreadB);
    return [{ key, a: one, b: other, agree }];
  });
}

/** @param {any} results */
function ratiosOf({ answers }) {
  /** @type {Map<string, ReturnType<typeof ratio>>} */
  const all = new Map();
  for (const [question, { rows }] of Object.entries(/** @type {any} */ (answers)))
    for (const row of rows) {
      const reference = rows.find(
        (/** @type {any} */ one) =>
          one.subject === REFERENCE && one.case === row.case && one.at === row.at,
      );
      if (reference && reference !== row)
        all.set(keyOf(question, row), ratio(reference.visits, row.visits, { paired: true }));
    }
  return all;
}

/** @param {any} a @param {any} b @param {Change[]} changes */
function warningsOf(a, b, changes) {
  const warnings = [];
  for (const key of ['cpu', 'processors', 'kernel', 'user'])
    if (a.machine[key] !== b.machine[key])
      warnings.push(`${key} differs: ${a.machine[key]}, ${b.machine[key]}`);
  for (const key of new Set([...Object.keys(a.versions), ...Object.keys(b.versions)]))
    if (a.versions[key] !== b.versions[key])
      warnings.push(
        `version of ${key} differs: ${a.versions[key] ?? 'none'}, ${b.versions[key] ?? 'none'}`,
      );
  if (a.quick !== b.quick) warnings.push('one of them is --quick');
  const bare = changes.find(
    ({ subject, verdict }) => subject === 'node' && /better|worse/.test(verdict),
  );
  if (bare)
    warnings.push(
      `the machine itself was not the same: node -e 0 took ${short(bare.ratio)} times what it had`,
    );
  return warnings;
}

/** @param {string} fileA @param {string} fileB */
export function printComparison(fileA, fileB) {
  const [a, b] = [fileA, fileB].map((file) => JSON.parse(fs.readFileSync(file, 'utf8')));
  const { changes, onlyA, onlyB, warnings } = compare(a, b);
  for (const warning of warnings) console.log(`warning  ${warning}`);
  let question;
  for (const change of changes) {
    if (change.question !== question) {
      question = change.question;
      console.log(`\n${question}: ${b.answers[question].question} (${b.answers[question].unit})`);
    }
    console.log(lineOf(change));
  }
  for (const [file, only] of /** @type {const} */ ([
    [fileA, onlyA],
    [fileB, onlyB],
  ]))
    if (only.length > 0) console.log(`\nonly in ${file}:\n  ${only.join('\n  ')}`);
  const count = (/** @type {string} */ verdict) =>
    changes.filter((change) => change.verdict === verdict).length;
  console.log(
    `\n${count('better')} better, ${count('worse')} worse, ` +
      `${count('no difference seen')} without a difference, ${count('too few numbers')} with too few numbers`,
  );
  printRatios(a, b);
}

/** @param {any} a @param {any} b */
function printRatios(a, b) {
  const ratios = compareRatios(a, b);
  const told = ratios.filter(({ agree }) => agree !== undefined);
  const apart = told.filter(({ agree }) => !agree);
  console.log(
    `\nOf ${told.length} ratios to child_process.fork, ${told.length - apart.length} agree within their intervals` +
      `${told.length < ratios.length ? `; ${ratios.length - told.length} more have too few numbers for one` : ''}.`,
  );
  for (const { key, a: one, b: other } of apart)
    console.log(
      `  ${key}: ×${short(one.ratio)}${spreadOf(one)}, ×${short(other.ratio)}${spreadOf(other)}`,
    );
}

/** @param {Change} change */
function lineOf({ subject, case: of, at, before, after, ratio: times, interval: spread, verdict }) {
  const name = title(subject, of) + (at === undefined || of?.includes(String(at)) ? '' : `, ${at}`);
  return [
    name.padEnd(52),
    `${short(before)} → ${short(after)}`.padStart(18),
    (Number.isFinite(times) ? `×${times.toFixed(3)}` : '–').padStart(9),
    (spread ? `${spread.low.toFixed(3)} – ${spread.high.toFixed(3)}` : '–').padStart(16),
    `  ${verdict}`,
  ].join('');
}
