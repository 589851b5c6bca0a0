// An answer as a table for a terminal.
import { subject } from './catalogue.js';
import { interval, percentile, typical } from './statistics.js';
import { judge } from './targets.js';

/** Three digits that mean something. @param {number | undefined} n */
export function short(n) {
  if (n === undefined || !Number.isFinite(n)) return '–';
  if (n === 0) return '0';
  const rounded = Number(n.toPrecision(3));
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded))));
  return n.toFixed(Math.min(digits, 4));
}

/** @param {string} id @param {string} [of] */
export function title(id, of) {
  const { name } = subject(id);
  return of === undefined ? name : `${name}: ${of}`;
}

/** @param {string} name @param {import('./measure.js').Answer} answer */
export function print(name, { question, unit, better, rows, missing, notes = [], targets }) {
  console.log(`\n${name}: ${question} (${unit}, ${better} is better)`);
  const shown = brief(rows);
  const titles = shown.map((row) => title(row.subject, row.case) + atOf(row));
  const width = Math.max(20, ...titles.map((text) => text.length));
  const line = (/** @type {string} */ first, /** @type {string[]} */ ...cells) =>
    console.log(first.padEnd(width) + cells.map((cell) => cell.padStart(16)).join(''));
  line('', 'median', '95 % interval', 'p95', 'numbers');
  for (const [index, { visits }] of shown.entries()) {
    const spread = interval(visits);
    line(
      titles[index],
      short(typical(visits)),
      spread ? `${short(spread.low)} – ${short(spread.high)}` : '–',
      short(percentile(visits, 0.95)),
      String(visits.flat().length),
    );
  }
  for (const [reason, names] of byReason(missing))
    console.log(`missing  ${names.join(', ')}: ${reason}`);
  for (const note of notes) console.log(`note     ${note}`);
  for (const target of targets)
    console.log(
      `${verdict(target).padEnd(8)} ${target.what}: ${short(target.value)}${spreadOf(target)} ${target.unit}`.trimEnd() +
        `, ${target.atLeast ? 'at least' : 'at most'} ${target.target} ${target.unit}`.trimEnd() +
        ' wanted',
    );
}

/**
 * @param {import('./measure.js').Answer['missing']} missing
 * @returns {Map<string, string[]>} the names of what is missing, by why
 */
export function byReason(missing) {
  /** @type {Map<string, string[]>} */
  const all = new Map();
  for (const { subject: id, case: of, reason } of missing)
    all.set(reason, [...(all.get(reason) ?? []), title(id, of)]);
  return all;
}

/** With a question mark where the target is within the interval. @param {import('./measure.js').Target} target */
function verdict(target) {
  const { met, sure } = judge(target);
  return (met ? 'met' : 'MISSED') + (sure ? '' : '?');
}

/** @param {{ interval?: import('./statistics.js').Interval }} measured */
export function spreadOf({ interval: spread }) {
  return spread ? ` (${short(spread.low)} – ${short(spread.high)})` : '';
}

/** Where the case does not say it already. @param {import('./measure.js').Row} row */
function atOf({ at, case: of }) {
  return at === undefined || /at once$|, \d+ [kM]B$/.test(of ?? '') ? '' : `, ${at}`;
}

/** Of a long series the ends are enough here. @param {readonly import('./measure.js').Row[]} rows */
function brief(rows) {
  return rows.filter((row) => {
    const series = rows.filter((one) => one.subject === row.subject && one.case === row.case);
    return series.length < 8 || row === series[0] || row === series.at(-1);
  });
}
