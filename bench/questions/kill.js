// How long does it take to end a run that gives no way?
import { able } from '../catalogue.js';
import { interleave, row, withHosts } from '../measure.js';

export const seconds = { full: 20, quick: 5 };

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask(asking) {
  const { quick, ms, hardStop, progress } = asking;
  const answer = await withHosts(
    able('end').map((one) => ({
      row: row(one.id),
      subject: one,
      handler: 'echo',
      input: 1,
      options: { graceMs: 0 },
    })),
    (places, failed) =>
      interleave(
        places,
        async ({ host }) => [await host.call('end', { handler: 'spin' })],
        { ms, most: 50, warmUp: quick ? 0 : 1, hardStop, progress },
        failed,
      ),
    asking,
  );
  return {
    question: 'Ending a handler that runs in a loop, from the call until nothing of it is left',
    unit: 'ms',
    better: 'lower',
    method: 'SIGKILL, worker.terminate(), or an AbortSignal with execution.graceMs: 0.',
    ...answer,
    targets: [],
  };
}
