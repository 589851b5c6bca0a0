// How long does a run take whose handler imports something heavy?
import { able } from '../catalogue.js';
import { interleave, row, withHosts } from '../measure.js';
import { rowOf, single, targetsOf } from '../targets.js';

export const seconds = { full: 40, quick: 8 };

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask(asking) {
  const { quick, ms, hardStop, progress } = asking;
  const handler = 'typescript';
  const { rows, missing } = await withHosts(
    able('files').map((one) => ({
      row: row(one.id),
      subject: one,
      // What starts once is not a run's: a zygote, and what it has loaded.
      handler: one.kind === 'ours' ? handler : undefined,
      input: 0,
      options: { handler },
    })),
    (places, failed) =>
      interleave(
        places,
        ({ host }) => host.call('visit', { handler, input: 0, ms: 0, most: 1 }),
        { ms, most: 30, warmUp: quick ? 0 : 1, hardStop, progress },
        failed,
      ),
    asking,
  );
  return {
    question: 'A handler that imports the typescript package and compiles a line with it',
    unit: 'ms',
    better: 'lower',
    method: 'In-process, the module is loaded once and stays.',
    rows,
    missing,
    targets: targetsOf([
      'preload: a run',
      single(rowOf(rows)('preload')),
      { target: 10, unit: 'ms' },
    ]),
  };
}
