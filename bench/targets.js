// What the issues ask for, next to what was measured.
import { difference, interval, ratio, typical } from './statistics.js';

/** @typedef {import('./measure.js').Row} Row */
/** @typedef {{ value: number, interval?: import('./statistics.js').Interval }} Measured */

/**
 * Looks rows up.
 *
 * @param {readonly Row[]} rows
 * @returns {(subject: string, of?: string) => Row | undefined}
 */
export function rowOf(rows) {
  return (subject, of) =>
    rows.find((row) => row.subject === subject && (of === undefined || row.case === of));
}

/** @param {Row | undefined} row @returns {Measured} NaN for what was not measured */
export function single(row) {
  return row ? { value: typical(row.visits), interval: interval(row.visits) } : { value: NaN };
}

/** Rows of two results of the suite have no rounds in common. @param {any} a @param {any} b */
export const together = (a, b) => a.node === b.node;

/** How much more `a` is than `b`, of the same rounds. @param {Row | undefined} a @param {Row | undefined} b @returns {Measured} */
export function more(a, b) {
  if (!a || !b) return { value: NaN };
  if (!together(a, b)) return { value: typical(a.visits) - typical(b.visits) };
  const { difference: value, interval: spread } = difference(b.visits, a.visits);
  return { value, interval: spread };
}

/** How many times `b` `a` is, of the same rounds. @param {Row | undefined} a @param {Row | undefined} b @returns {Measured} */
export function times(a, b) {
  if (!a || !b) return { value: NaN };
  const { ratio: value, interval: spread } = ratio(b.visits, a.visits, { paired: together(a, b) });
  return { value, interval: spread };
}

/**
 * The targets whose subjects were there.
 *
 * @param {[what: string, measured: Measured, bound: { target: number, atLeast?: boolean, unit: string }][]} all
 * @returns {import('./measure.js').Target[]}
 */
export function targetsOf(...all) {
  return all
    .filter(([, { value }]) => Number.isFinite(value))
    .map(([what, { value, interval: spread }, bound]) => ({
      what,
      value,
      ...(spread && { interval: spread }),
      ...bound,
    }));
}

/**
 * Whether a target is met, and whether the numbers are good enough to say so.
 *
 * @param {import('./measure.js').Target} target
 */
export function judge({ value, interval: spread, target, atLeast }) {
  const meets = (/** @type {number} */ n) => (atLeast ? n >= target : n <= target);
  const met = meets(value);
  const sure = !spread || (meets(spread.low) === met && meets(spread.high) === met);
  return { met, sure };
}
