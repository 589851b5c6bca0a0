// How fast does what a handler prints arrive?
import { able } from '../catalogue.js';
import { interleave, row, withHosts } from '../measure.js';

export const seconds = { full: 25, quick: 5 };

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask(asking) {
  const { quick, ms, hardStop, progress } = asking;
  const lines = quick ? 20_000 : 100_000;
  const length = 100;
  const answer = await withHosts(
    able('print').map((one) => ({ row: row(one.id), subject: one, handler: 'echo', input: 1 })),
    (places, failed) =>
      interleave(
        places,
        async ({ host }) => [(await host.call('print', { lines, length })) / 1e6],
        { ms, most: 15, warmUp: quick ? 0 : 1, hardStop, progress },
        failed,
      ),
    asking,
  );
  return {
    question: `${lines} lines of ${length} bytes printed by one run`,
    unit: 'MB/s',
    better: 'higher',
    method: 'The start and the end of the guest are included.',
    ...answer,
    targets: [],
  };
}
