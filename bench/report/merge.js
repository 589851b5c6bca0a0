// Results of several versions of Node.js as one: of each row the better, whoever's it is.
import { typical } from '../statistics.js';

/** @typedef {import('../measure.js').Row & { node?: string }} Row */

/**
 * @param {any[]} all results
 * @returns {Promise<any>}
 */
export async function best(all) {
  if (all.length === 1) return all[0];
  const [first] = all;
  /** @type {Record<string, any>} */
  const answers = {};
  for (const name of Object.keys(first.answers)) {
    const found = all.filter(({ answers: of }) => of[name]);
    answers[name] = await merged(name, found);
  }
  const nodes = all.map(({ versions }) => versions.node);
  return {
    ...first,
    date: all.map(({ date }) => date).sort()[0],
    quick: all.some(({ quick }) => quick),
    machine: { ...first.machine, ...worst(all) },
    versions: {
      ...Object.assign({}, ...all.map(({ versions }) => versions)),
      node: nodes.join(' and '),
    },
    several: nodes,
    answers,
  };
}

/** @param {any[]} all */
function worst(all) {
  const most = (/** @type {string} */ key) => Math.max(...all.map(({ machine }) => machine[key]));
  return { load: most('load'), loadAfter: most('loadAfter'), stealPercent: most('stealPercent') };
}

/** @param {string} name of the question @param {any[]} all */
async function merged(name, all) {
  const answer = all[0].answers[name];
  /** @type {Map<string, Row>} */
  const rows = new Map();
  for (const { versions, answers } of all)
    for (const row of answers[name].rows) {
      const key = keyOf(row);
      const known = rows.get(key);
      if (!known || isBetter(answer.better, row, known))
        rows.set(key, { ...row, node: versions.node });
    }
  const chosen = [...rows.values()];
  const { targets } = await import(`../questions/${name}.js`);
  return {
    ...answer,
    rows: chosen,
    missing: answer.missing.filter(
      (/** @type {any} */ one) => !chosen.some((row) => same(row, one)),
    ),
    notes: all.flatMap(labelled(name, 'notes', (note, node) => `Node.js ${node}: ${note}`)),
    targets: targets
      ? targets(chosen)
      : all.flatMap(
          labelled(name, 'targets', (target, node) => ({
            ...target,
            what: `${target.what}, Node.js ${node}`,
          })),
        ),
  };
}

/**
 * @param {string} name
 * @param {string} list
 * @param {(one: any, node: string) => any} label
 * @returns {(results: any) => any[]}
 */
const labelled =
  (name, list, label) =>
  ({ versions, answers }) =>
    (answers[name][list] ?? []).map((/** @type {any} */ one) => label(one, versions.node));

/** @param {Row} row */
const keyOf = ({ subject, case: of, at, place }) => [subject, of, place ?? at].join('\n');

/** @param {any} a @param {any} b */
const same = (a, b) => a.subject === b.subject && a.case === b.case;

/** @param {'lower' | 'higher'} better @param {Row} a @param {Row} b */
const isBetter = (better, a, b) =>
  better === 'lower'
    ? typical(a.visits) < typical(b.visits)
    : typical(a.visits) > typical(b.visits);
