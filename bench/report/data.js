// What the report is made of: results in the order and the words of a reader.
import fs from 'node:fs';
import path from 'node:path';
import { interval, percentile, ratio, typical } from '../statistics.js';
import { together } from '../targets.js';

/**
 * @typedef {object} Point
 * @property {string} id
 * @property {string} name of the subject
 * @property {string} kind
 * @property {string} [case]
 * @property {number} [at]
 * @property {number} value
 * @property {number} p95
 * @property {number} count of numbers
 * @property {import('../statistics.js').Interval | undefined} interval
 *
 * @typedef {object} Chart
 * @property {string} title
 * @property {boolean} lines over `at`, rather than one dot for each label
 * @property {(Point & { label: string })[]} points
 */

const DAY_MS = 86_400_000;

/**
 * The newest whole result, and those of other versions of Node.js that are less than a day older.
 *
 * @param {string} directory
 */
export function newest(directory) {
  const files = (fs.existsSync(directory) ? fs.readdirSync(directory) : [])
    .filter((file) => /^\d.*\.json$/.test(file))
    .sort();
  if (files.length === 0)
    throw new Error(`no whole result in ${directory}: run the suite first (npm run bench)`);
  /** @type {Map<string, string>} */
  const found = new Map();
  let last = 0;
  for (const name of files.reverse()) {
    const file = path.join(directory, name);
    const { date, versions } = JSON.parse(fs.readFileSync(file, 'utf8'));
    last ||= Date.parse(date);
    const major = versions.node.split('.')[0];
    if (!found.has(major) && last - Date.parse(date) < DAY_MS) found.set(major, file);
  }
  return [...found.values()];
}

/** @param {any} results @param {import('../measure.js').Row} row @returns {Point} */
function pointOf(results, row) {
  const { name, kind } = results.subjects.find((/** @type {any} */ { id }) => id === row.subject);
  return {
    id: row.subject,
    name,
    kind,
    ...(row.case !== undefined && { case: row.case }),
    ...(row.at !== undefined && { at: row.at }),
    value: typical(row.visits),
    p95: percentile(row.visits, 0.95),
    count: row.visits.flat().length,
    interval: interval(row.visits),
  };
}

/** @param {any} results @param {string} question @returns {Point[]} */
export function points(results, question) {
  return (results.answers[question]?.rows ?? []).map((/** @type {any} */ row) =>
    pointOf(results, row),
  );
}

/**
 * How a question's rows are told apart: which chart, and the label in it.
 *
 * @type {Record<string, { chart: (point: Point) => string, label?: (point: Point) => string }>}
 */
const CHARTS = {
  latency: { chart: (point) => point.case ?? '' },
  throughput: { chart: () => '' },
  payload: { chart: (point) => point.case?.split(', ')[0] ?? '' },
  guards: { chart: (point) => point.name, label: (point) => point.case ?? '' },
  network: {
    chart: (point) => /^(.*), (?:no guard|network\.allow)/.exec(point.case ?? '')?.[1] ?? '',
    label: (point) => `${point.name}: ${/[^,]*$/.exec(point.case ?? '')?.[0].trim()}`,
  },
  growth: { chart: (point) => point.case ?? '' },
  scale: { chart: (point) => point.case ?? '' },
};

/** @param {any} results @param {string} question @returns {Chart[]} */
export function charts(results, question) {
  const { chart, label } = CHARTS[question] ?? { chart: () => '' };
  /** @type {Map<string, Chart>} */
  const found = new Map();
  for (const point of points(results, question)) {
    const title = chart(point);
    const one = found.get(title) ?? { title, lines: point.at !== undefined, points: [] };
    one.points.push({ ...point, label: label ? label(point) : point.name });
    found.set(title, one);
  }
  return [...found.values()];
}

/** The subjects that nothing at all was measured of, and why. @param {any} results */
export function absent(results) {
  const { latency, memory } = results.answers;
  const missing = latency?.missing ?? memory?.missing ?? [];
  /** @type {Map<string, { name: string, reason: string }>} */
  const all = new Map();
  for (const { subject: id, reason } of missing) {
    const { name } = results.subjects.find((/** @type {any} */ one) => one.id === id);
    all.set(id, { name, reason });
  }
  return [...all.values()];
}

/**
 * One line for each subject of which something was measured.
 *
 * @param {any} results
 */
export function summary(results) {
  const find = (
    /** @type {string} */ question,
    /** @type {string} */ id,
    /** @type {string} */ of,
  ) =>
    results.answers[question]?.rows.find(
      (/** @type {any} */ row) => row.subject === id && (!of || row.case === of),
    );
  const value = (/** @type {any} */ row) => (row ? typical(row.visits) : undefined);
  const reference = find('latency', 'cp-fork', 'one after the other');
  return results.subjects
    .map((/** @type {any} */ { id, name, kind, isolation }) => {
      const latency = find('latency', id, 'one after the other');
      return {
        id,
        name,
        kind,
        isolation,
        version: results.versions[id],
        latency: value(latency),
        p95: latency && percentile(latency.visits, 0.95),
        times:
          latency &&
          reference &&
          ratio(reference.visits, latency.visits, { paired: together(reference, latency) }),
        rate: value(find('throughput', id, '8 at once')),
        memory: value(find('memory', id, '')),
        first: value(find('first', id, '')),
      };
    })
    .filter((/** @type {any} */ line) => line.latency !== undefined);
}

/** @param {any} results */
export function machineOf({ machine, versions, several }) {
  const { processors, cpu, memoryGb, system, kernel, user } = machine;
  return `${processors} processors (${cpu}), ${memoryGb} GB, ${system}, Linux ${kernel}, Node.js ${versions.node}${several ? ' (of each number the better)' : ''}, as ${user}`;
}
