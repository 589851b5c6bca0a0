// How many runs a second, with how many at once?
import { able, chosen, subject } from '../catalogue.js';
import { interleave, renewAll, row, withHosts } from '../measure.js';
import { rowOf, single, targetsOf, times } from '../targets.js';

export const seconds = { full: 215, quick: 14 };

/** A server has run for longer than this: its functions are compiled, what can be kept is made. */
const WARM = { concurrency: 8, ms: 300 };

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask(asking) {
  const { quick, ms, hardStop, progress } = asking;
  const levels = quick ? [1, 8] : [1, 8, 32];
  const input = { message: 'hello', n: 41 };
  const subjects = [subject('node'), ...able('echo')].filter(chosen);
  /** @type {import('../measure.js').Row[]} */
  const rows = [];
  const { missing } = await withHosts(
    subjects.map((one) => ({
      row: row(one.id),
      subject: one,
      handler: 'echo',
      input,
      warm: quick ? { ...WARM, ms: 100 } : WARM,
    })),
    async (places, failed) => {
      const entries = levels.flatMap((level) =>
        places.map((place) => ({
          row: row(place.row.subject, `${level} at once`, level),
          place,
          level,
        })),
      );
      await interleave(
        entries,
        async ({ place, level }) => [
          await place.host.call(
            'rate',
            { handler: 'echo', input, concurrency: level, ms: quick ? 80 : 250 },
            60_000,
          ),
        ],
        { ms, most: 20, ...(!quick && { renew: () => renewAll(places) }), hardStop, progress },
        failed,
      );
      // The hosts' own rows say only that they were opened.
      for (const place of places) place.row.visits.push([1]);
      rows.push(...entries.map((entry) => entry.row).filter(({ visits }) => visits.length > 0));
    },
    asking,
  );
  return {
    question: 'Runs of a small handler in a second, so many at once',
    unit: 'runs/s',
    better: 'higher',
    method: `Each host has run ${WARM.concurrency} at once for ${WARM.ms} ms before it is asked.`,
    x: 'runs at once',
    rows,
    missing,
    targets: targets(rows),
  };
}

/** @param {readonly import('../measure.js').Row[]} rows */
export function targets(rows) {
  const find = rowOf(rows);
  const at8 = (/** @type {string} */ id) => find(id, '8 at once');
  return targetsOf(
    ['fork, 8 at once', single(at8('fork')), { target: 1000, atLeast: true, unit: 'runs/s' }],
    ['preload, 8 at once', single(at8('preload')), { target: 1300, atLeast: true, unit: 'runs/s' }],
    [
      'fork, 8 at once: times child_process.fork',
      times(at8('fork'), at8('cp-fork')),
      { target: 12, atLeast: true, unit: '×' },
    ],
    // The 1000 runs are for a machine on which it makes 965.
    [
      'fork, 8 at once: times isolated-vm',
      times(at8('fork'), at8('isolated-vm')),
      { target: 1.04, atLeast: true, unit: '×' },
    ],
  );
}
