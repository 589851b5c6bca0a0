// How much memory does one more guest take while it is alive?
import { able } from '../catalogue.js';
import { Host, finish, interleave, row } from '../measure.js';
import { rowOf, single, targetsOf } from '../targets.js';

export const seconds = { full: 75, quick: 16 };

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask({ quick, ms, hardStop, progress }) {
  const sizes = quick ? { guests: 4, kept: 32, ms: 400 } : { guests: 8, kept: 32, ms: 800 };
  const entries = able('echo')
    .filter(({ id }) => id !== 'inprocess')
    .map((subject) => ({ row: row(subject.id), subject }));
  /** @type {import('../measure.js').Answer['missing']} */
  const failed = [];
  await interleave(
    entries,
    async ({ subject }) => {
      const host = await Host.start(subject);
      try {
        await host.call('open', { handler: 'echo', input: 1 });
        return [await host.call('memory', sizes)];
      } finally {
        await host.stop();
      }
    },
    { ms, most: 5, hardStop, progress },
    failed,
  );
  const { rows, missing } = finish(
    entries.map((entry) => entry.row),
    failed,
  );
  return {
    question: 'Memory of one more live guest',
    unit: 'MB',
    better: 'lower',
    method:
      `${sizes.guests} guests at once (${sizes.kept} where a guest is an isolate or a context): the ` +
      'growth of what the host and all its processes hold, pages that are shared counted in part ' +
      '(PSS), divided by their number. In MB of 2²⁰ bytes.',
    rows,
    missing,
    targets: targetsOf([
      'fork: a guest at rest',
      single(rowOf(rows)('fork')),
      { target: 3, unit: 'MB' },
    ]),
  };
}
