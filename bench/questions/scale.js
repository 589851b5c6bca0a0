// What does one more run cost while many guests are alive?
import { subject } from '../catalogue.js';
import { finish, row, withHosts } from '../measure.js';
import { targetsOf } from '../targets.js';

export const seconds = { full: 90, quick: 7 };

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask(asking) {
  const { quick, ms, hardStop, progress } = asking;
  const levels = quick ? [1, 10, 40] : [1, 10, 100, 500, 1000, 2000];
  /** @type {import('../measure.js').Row[]} */
  const rows = [];
  /** @type {string[]} */
  const notes = [];
  /** @type {import('../measure.js').Target[]} */
  const targets = [];
  const { missing } = await withHosts(
    ['fork', 'spawn', 'cp-fork'].map((id) => ({
      row: row(id),
      subject: subject(id),
      handler: 'echo',
      input: 1,
      options: { graceMs: 0 },
    })),
    async (places, failed) => {
      const each = ms / places.length;
      for (const [index, { host, row: place }] of places.entries()) {
        const id = place.subject;
        progress(index / places.length, id);
        if (performance.now() > hardStop) break;
        try {
          const { seen, stopped, left } = await host.call(
            'scale',
            { levels, ms: each },
            2 * each + 60_000,
          );
          place.visits.push([1]);
          for (const { guests, numbers, mbPerGuest } of seen) {
            rows.push({ ...row(id, 'one more run, ms', guests), visits: [numbers] });
            rows.push({ ...row(id, 'memory per guest, MB', guests), visits: [[mbPerGuest]] });
          }
          notes.push(...lineOf(id, seen));
          if (id === 'fork') targets.push(...wanted(seen));
          if (stopped) notes.push(`${id}: ${stopped}.`);
          if (left) failed.push({ subject: id, reason: `${left} guests were left over` });
        } catch (error) {
          failed.push({ subject: id, reason: /** @type {Error} */ (error).message });
        }
      }
    },
    asking,
  );
  return {
    question: 'One more run while many guests are alive',
    unit: 'ms or MB',
    better: 'lower',
    x: 'live guests',
    method: 'A quarter of the memory that was available at the beginning is left alone.',
    rows: finish(rows, missing).rows,
    missing,
    notes,
    targets,
  };
}

/** @typedef {{ guests: number, numbers: number[], mbPerGuest: number }} Seen */

const MOST = 2000;

/** @param {Seen[]} seen */
function wanted(seen) {
  const last = seen.at(-1);
  if (!last || last.guests < MOST) return [];
  const first = seen.find(({ guests }) => guests >= 100) ?? last;
  const grown = { value: last.mbPerGuest / first.mbPerGuest };
  return targetsOf(
    [`fork: a guest, with ${MOST} alive`, { value: last.mbPerGuest }, { target: 3, unit: 'MB' }],
    [`fork: the same, of what it is with ${first.guests}`, grown, { target: 1.2, unit: '×' }],
  );
}

/** What the line through the ends says of 10,000. @param {string} id @param {Seen[]} seen */
function lineOf(id, seen) {
  const [first, last] = [seen.find(({ guests }) => guests >= 10), seen.at(-1)];
  if (!first || !last || first === last) return [];
  const mb = (/** @type {Seen} */ { guests, mbPerGuest }) => guests * mbPerGuest;
  const each = (mb(last) - mb(first)) / (last.guests - first.guests);
  const all = (mb(last) + each * (10_000 - last.guests)) / 1024;
  return [
    `${id}: ${each.toFixed(2)} MB for each guest more, from ${first.guests} to ${last.guests}; ` +
      `on that line 10,000 take ${all.toFixed(1)} GB.`,
  ];
}
