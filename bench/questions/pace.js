// How long does a run take where there is one every 100 ms?
import { chosen, subject } from '../catalogue.js';
import { interleave, row, withHosts } from '../measure.js';
import { rowOf, single, targetsOf } from '../targets.js';

export const seconds = { full: 35, quick: 3 };

const SUBJECTS = ['node', 'spawn', 'fork', 'fork-fresh', 'preload', 'cp-fork', 'worker'];
SUBJECTS.push('isolated-vm', 'isolated-vm-snapshot');
const EVERY = 100;

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask(asking) {
  const { quick, ms, hardStop, progress } = asking;
  const input = { message: 'hello', n: 41 };
  const runs = quick ? 3 : 5;
  const answer = await withHosts(
    SUBJECTS.map(subject)
      .filter(chosen)
      .map((one) => ({ row: row(one.id), subject: one, handler: 'echo', input })),
    (places, failed) =>
      interleave(
        places,
        ({ host }) => host.call('paced', { handler: 'echo', input, every: EVERY, runs }),
        { ms, most: 40, warmUp: quick ? 0 : 1, hardStop, progress },
        failed,
      ),
    asking,
  );
  return {
    question: `One run of a small handler every ${EVERY} ms`,
    unit: 'ms',
    better: 'lower',
    method:
      'Between two runs the host does nothing, and the processor may sleep: what a program pays ' +
      'that is not busy.',
    ...answer,
    targets: targetsOf([
      `fork: a run every ${EVERY} ms`,
      single(rowOf(answer.rows)('fork')),
      { target: 2, unit: 'ms' },
    ]),
  };
}
