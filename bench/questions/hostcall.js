// How long does a call of a function of the host take?
import { subject } from '../catalogue.js';
import { interleave, row, withHosts } from '../measure.js';
import { rowOf, single, targetsOf } from '../targets.js';

export const seconds = { full: 15, quick: 3 };

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask(asking) {
  const { quick, ms, hardStop, progress } = asking;
  const answer = await withHosts(
    ['spawn', 'fork', 'cp-fork', 'cp-fork-advanced', 'worker'].map((id) => ({
      row: row(id),
      subject: subject(id),
      handler: 'call',
      input: { calls: 1 },
      options: { calls: true },
    })),
    (places, failed) =>
      interleave(
        places,
        ({ host }) => host.call('result', { handler: 'call', input: { calls: 200 } }),
        { ms, most: 40, warmUp: quick ? 0 : 1, hardStop, progress },
        failed,
      ),
    asking,
  );
  const find = rowOf(answer.rows);
  return {
    question: 'A handler calls a function of the host, from the call to the answer',
    unit: 'µs',
    better: 'lower',
    method:
      'A small number, there and back, 200 calls one after the other, after 100 that do not count; ' +
      'timed by the handler. Peers have no such function: there a message is answered.',
    ...answer,
    targets: targetsOf(
      ['spawn: a call', single(find('spawn')), { target: 100, unit: 'µs' }],
      ['fork: a call', single(find('fork')), { target: 100, unit: 'µs' }],
    ),
  };
}
