// What can be said of measured numbers. A row's numbers come in visits: the runs that were timed
// without leaving the subject. Visits are what is resampled, since the runs of one share whatever
// else the machine was doing then; two rows of one run of the suite are resampled together, visit by
// visit, since the visits of one round share it too.
import { mean, median, quantile, sampleStandardDeviation } from 'simple-statistics';

export { median, quantile };

/** @typedef {readonly (readonly number[])[]} Visits */
/** @typedef {{ low: number, high: number }} Interval of 95 % confidence */

const RESAMPLES = 1000;
/** Below this there are too few different resamples for their spread to mean anything. */
const ENOUGH_VISITS = 8;
/** Of two, the interval would be a dozen times as wide as they are apart: it says nothing. */
const LEAST_VISITS = 3;
/** The 97.5th percentile of Student's t, by degrees of freedom. */
const STUDENT = [NaN, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447];

/** @param {Visits} visits */
const medians = (visits) => visits.map((numbers) => median([...numbers]));

/**
 * The typical number: the median of the visits' medians.
 *
 * @param {Visits} visits
 */
export const typical = (visits) => median(medians(visits));

/** @param {Visits} visits @param {number} share 0.95 for p95 */
export const percentile = (visits, share) => quantile(visits.flat(), share);

/**
 * @param {Visits} visits
 * @returns {Interval | undefined} of typical(); undefined where one visit says nothing of the next
 */
export function interval(visits) {
  const values = medians(visits);
  return spread(values.length, (pick) => median(pick.map((i) => values[i])), values.map(Math.log));
}

/**
 * How many times `b` is what `a` is.
 *
 * @param {Visits} a
 * @param {Visits} b
 * @param {{ paired: boolean }} options `paired`: the nth visits of both were in the same round
 * @returns {{ ratio: number, interval: Interval | undefined }}
 */
export function ratio(a, b, { paired }) {
  const [as, bs] = [medians(a), medians(b)];
  const found = { ratio: median(bs) / median(as) };
  const rounds = Math.min(as.length, bs.length);
  // Where one has a round less, it was the last.
  if (paired && Math.abs(as.length - bs.length) < 2) {
    const of = (/** @type {number[]} */ pick) =>
      median(pick.map((i) => bs[i])) / median(pick.map((i) => as[i]));
    const logs = as.slice(0, rounds).map((value, i) => Math.log(bs[i] / value));
    return { ...found, interval: spread(rounds, of, logs) };
  }
  const [ia, ib] = [interval(a), interval(b)];
  if (!ia || !ib) return { ...found, interval: undefined };
  // Errors that are independent of each other, on the scale on which a ratio is a difference.
  const middle = Math.log(found.ratio);
  const low = Math.hypot(Math.log(median(as) / ia.high), Math.log(median(bs) / ib.low));
  const high = Math.hypot(Math.log(median(as) / ia.low), Math.log(median(bs) / ib.high));
  return { ...found, interval: { low: Math.exp(middle - low), high: Math.exp(middle + high) } };
}

/**
 * How much more `b` is than `a`; the nth visits of both were in the same round.
 *
 * @param {Visits} a
 * @param {Visits} b
 * @returns {{ difference: number, interval: Interval | undefined }}
 */
export function difference(a, b) {
  const [as, bs] = [medians(a), medians(b)];
  const count = Math.min(as.length, bs.length);
  const of = (/** @type {number[]} */ pick) =>
    median(pick.map((i) => bs[i])) - median(pick.map((i) => as[i]));
  const each = bs.slice(0, count).map((value, i) => value - as[i]);
  return { difference: median(bs) - median(as), interval: spread(count, of, each, (n) => n) };
}

/** @param {Interval} a @param {Interval} b */
export const overlap = (a, b) => a.low <= b.high && b.low <= a.high;

/**
 * The interval of a statistic of `count` visits: by resampling them, or, where they are few, by
 * Student's t.
 *
 * @param {number} count
 * @param {(pick: number[]) => number} statistic of the visits with these indices
 * @param {number[]} each the statistic for each visit alone, on a scale on which errors are symmetric
 * @param {(n: number) => number} [back] from that scale
 * @returns {Interval | undefined}
 */
function spread(count, statistic, each, back = Math.exp) {
  if (count < LEAST_VISITS) return undefined;
  const all = statistic(each.map((_, index) => index));
  if (count < ENOUGH_VISITS) {
    if (!each.every(Number.isFinite)) return undefined;
    const half = (STUDENT[count - 1] * sampleStandardDeviation(each)) / Math.sqrt(count);
    const middle = mean(each);
    return { low: Math.min(all, back(middle - half)), high: Math.max(all, back(middle + half)) };
  }
  const random = generator(count);
  const found = Array.from({ length: RESAMPLES }, () =>
    statistic(each.map(() => Math.floor(random() * count))),
  );
  return { low: quantile(found, 0.025), high: quantile(found, 0.975) };
}

/**
 * The same numbers shall give the same interval, whoever asks. (Mulberry32.)
 *
 * @param {number} seed
 */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
