// How long until the first result in a host that has just been started?
import { able, chosen, subject } from '../catalogue.js';
import { Host, finish, interleave, row } from '../measure.js';
import { more, rowOf, targetsOf } from '../targets.js';

export const seconds = { full: 40, quick: 8 };

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask({ quick, ms, hardStop, progress }) {
  const input = { message: 'hello', n: 41 };
  const subjects = [...[subject('auto')].filter(chosen), ...able('echo')];
  const entries = subjects.map((one) => ({ row: row(one.id), subject: one }));
  /** @type {import('../measure.js').Answer['missing']} */
  const failed = [];
  await interleave(
    entries,
    async (entry) => {
      const host = await Host.start(entry.subject);
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
    method:
      "The start of the host itself does not count. “By default” (`startup: 'auto'`) the first run is " +
      "spawned, and a zygote started behind it; with `startup: 'fork'` it waits for the zygote.",
    rows,
    missing,
    targets: targetsOf(
      ['by default: more than spawn', more(find('auto'), find('spawn')), { target: 5, unit: 'ms' }],
      ['fork: more than spawn', more(find('fork'), find('spawn')), { target: 5, unit: 'ms' }],
    ),
  };
}
