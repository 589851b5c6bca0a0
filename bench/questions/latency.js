// How long does one run of a small handler take?
import { able, chosen, subject } from '../catalogue.js';
import { addTo, interleave, renewAll, row, withHosts } from '../measure.js';
import { more, rowOf, single, targetsOf, times } from '../targets.js';

export const seconds = { full: 80, quick: 12 };
const ROW = 'one after the other';
const PAUSE = 'after a pause';
const input = { message: 'hello', n: 41 };
const WARM = { handler: 'echo', input, ms: 60, most: 20 };

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask(asking) {
  const { quick, ms, hardStop, progress } = asking;
  const subjects = [subject('node'), ...able('echo')].filter(chosen);
  /** @type {import('../measure.js').Row[]} */
  const paused = [];
  const { rows, missing } = await withHosts(
    subjects.map((one) => ({ row: row(one.id, ROW), subject: one, handler: 'echo', input })),
    async (places, failed) => {
      const rests = new Map(places.map((place) => [place, row(place.row.subject, PAUSE)]));
      const renew = async (/** @type {typeof places} */ left) => {
        await renewAll(left);
        // A new host's first runs are slower than those that follow.
        for (const { host } of left) await host.call('visit', WARM).catch(() => {});
      };
      await interleave(
        places,
        async (place, block) => {
          const visit = { handler: 'echo', input, ms: quick ? 30 : 60, most: 20 };
          const [first, ...others] = await place.host.call('visit', { ...visit, ms: 0, most: 1 });
          const numbers = await place.host.call('visit', visit);
          const rest = rests.get(place);
          if (rest && block >= 0) addTo(rest.visits, block, [first, ...others]);
          return numbers;
        },
        { ms, most: 60, warmUp: quick ? 0 : 1, ...(!quick && { renew }), hardStop, progress },
        failed,
      );
      paused.push(...[...rests.values()].filter(({ visits }) => visits.length > 0));
    },
    asking,
  );
  const all = [...rows, ...paused];
  return {
    question: 'One run of a small handler, from the call to the result',
    unit: 'ms',
    better: 'lower',
    method:
      `“${ROW}”: runs follow each other at once. “${PAUSE}”: nothing ran for as long as all ` +
      'the others take, so that a guest started ahead of its run has had its time.',
    rows: all,
    missing,
    targets: targets(all),
  };
}

/** @param {readonly import('../measure.js').Row[]} rows */
export function targets(rows) {
  const find = rowOf(rows);
  return targetsOf(
    [
      'spawn: a run more than node -e 0',
      more(find('spawn', ROW), find('node', ROW)),
      { target: 6, unit: 'ms' },
    ],
    ['fork: a run', single(find('fork', ROW)), { target: 1.2, unit: 'ms' }],
    ['fork: a run after a pause', single(find('fork', PAUSE)), { target: 2, unit: 'ms' }],
    [
      'fork: times faster than child_process.fork',
      times(find('cp-fork', ROW), find('fork', ROW)),
      { target: 15, atLeast: true, unit: '×' },
    ],
    // The 1.2 ms are for a machine on which it takes 1.3.
    [
      'fork: of isolated-vm with a snapshot',
      times(find('fork', ROW), find('isolated-vm-snapshot', ROW)),
      { target: 0.92, unit: '×' },
    ],
  );
}
