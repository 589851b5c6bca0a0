// What do many runs leave behind?
import { subject } from '../catalogue.js';
import { finish, row, withHosts } from '../measure.js';
import { targetsOf } from '../targets.js';

export const seconds = { full: 45, quick: 5 };

const RUNS = 100_000;
const SUBJECTS = ['spawn', 'fork', 'cp-fork'];
/** @type {[key: string, name: string][]} */
const SEEN = [
  ['hostMb', 'host RSS, MB'],
  ['helpersMb', 'its helpers’ memory, MB'],
  ['descriptors', 'descriptors of the host'],
  ['processes', 'processes below the host'],
];

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask(asking) {
  const { quick, long, progress } = asking;
  /** @type {import('../measure.js').Row[]} */
  const rows = [];
  /** @type {import('../measure.js').Target[]} */
  const targets = [];
  /** @type {string[]} */
  const notes = [];
  const { missing } = await withHosts(
    SUBJECTS.map((id) => ({ row: row(id), subject: subject(id), handler: 'echo', input: 1 })),
    async (places, failed) => {
      const ms = long ? 3_600_000 : asking.ms / places.length;
      for (const [index, { host, row: place }] of places.entries()) {
        const id = place.subject;
        progress(index / places.length, id);
        if (performance.now() > asking.hardStop) break;
        try {
          const seen = await host.call(
            'growth',
            { runs: RUNS, ms, points: quick ? 3 : 10 },
            ms + 30_000,
          );
          place.visits.push([1]);
          for (const [place, look] of seen.entries())
            for (const [key, name] of SEEN)
              rows.push({ ...row(id, name, look.runs), place, visits: [[look[key]]] });
          const [before, after] = [seen[0], seen.at(-1)];
          if (after.runs < RUNS)
            notes.push(
              `${id}: ${after.runs} runs in the time there was; --long makes all ${RUNS}, bench:growth as many as it is told.`,
            );
          if (id !== 'cp-fork') targets.push(...wanted(id, before, after));
        } catch (error) {
          failed.push({ subject: id, reason: /** @type {Error} */ (error).message });
        }
      }
    },
    asking,
  );
  return {
    question: 'What is left after many runs, 8 at once',
    unit: 'MB or a count',
    better: 'lower',
    x: 'runs',
    method:
      'After runs that do not count, 2,000 or as many as there are in 0.4 of the time, and a collection of garbage before each look.',
    rows: finish(rows, missing).rows,
    missing,
    notes,
    targets,
  };
}

/** @param {string} id @param {any} before @param {any} after */
function wanted(id, before, after) {
  const grown = (/** @type {string} */ key) => ({ value: after[key] - before[key] });
  const peak = { value: id === 'spawn' ? after.helperPeakMb : NaN };
  return targetsOf(
    [`${id}: host RSS grown`, grown('hostMb'), { target: 10, unit: 'MB' }],
    [`${id}: descriptors grown`, grown('descriptors'), { target: 0, unit: '' }],
    [`${id}: processes left`, grown('processes'), { target: 0, unit: '' }],
    [`${id}: launcher RSS, peak`, peak, { target: 2, unit: 'MB' }],
  );
}
