// How long until the first result in a host that has just been started?
import { able } from '../catalogue.js';
import { Host, finish, interleave, row } from '../measure.js';
import { more, rowOf, targetsOf } from '../targets.js';

export const seconds = { full: 40, quick: 8 };

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask({ quick, ms, hardStop, progress }) {
  const input = { message: 'hello', n: 41 };
  const entries = able('echo').map((subject) => ({ row: row(subject.id), subject }));
  /** @type {import('../measure.js').Answer['missing']} */
  const failed = [];
  await interleave(
    entries,
    async ({ subject }) => {
      const host = await Host.start(subject);
      try {
        return [await host.call('first', { handler: 'echo', input })];
      } finally {
        await host.stop();
      }
    },
    // The first round brings files into the kernel's cache.
    { ms, most: 20, warmUp: quick ? 0 : 1, hardStop, progress },
    failed,
  );
  const { rows, missing } = finish(
    entries.map((entry) => entry.row),
    failed,
  );
  const find = rowOf(rows);
  return {
    question: 'The first run in a new host, its packages being loaded included',
    unit: 'ms',
    better: 'lower',
    method: 'The start of the host itself does not count.',
    rows,
    missing,
    targets: targetsOf([
      'fork: more than spawn',
      more(find('fork'), find('spawn')),
      { target: 5, unit: 'ms' },
    ]),
  };
}
