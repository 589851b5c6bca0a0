// How long does JSON of a size take, there and back?
import { subject } from '../catalogue.js';
import { finish, interleave, row, withHosts } from '../measure.js';
import { rowOf, single, targetsOf, times } from '../targets.js';

export const seconds = { full: 90, quick: 8 };

const KB = 1e3;
const MB = 1e6;
const MANY = ['spawn', 'fork', 'inprocess', 'cp-fork', 'cp-fork-advanced', 'worker'];
MANY.push('bubblewrap', 'deno', 'bun', 'isolated-vm', 'quickjs');
/** Those that are worth a second and more. */
const FEW = ['spawn', 'fork', 'cp-fork', 'cp-fork-advanced', 'worker'];
/** Of these sizes something is wanted. */
const LARGE = ['spawn', 'fork', 'cp-fork'];

/** Size, its name, whose, share of the time. @type {[number, string, string[], number][]} */
const SIZES = [
  [KB, '1 kB', MANY, 0.1],
  [32 * KB, '32 kB', MANY, 0.1],
  [MB, '1 MB', MANY, 0.2],
  [8 * MB, '8 MB', FEW, 0.1],
  [32 * MB, '32 MB', LARGE, 0.2],
  [64 * MB, '64 MB', LARGE, 0.3],
];

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask(asking) {
  const { quick, ms, hardStop, progress } = asking;
  const sizes = quick ? SIZES.slice(0, 3) : SIZES;
  /** @type {import('../measure.js').Row[]} */
  const rows = [];
  const { missing } = await withHosts(
    MANY.map((id) => ({
      row: row(id),
      subject: subject(id),
      handler: 'echo',
      input: 1,
      options: { memoryMb: 4096 },
    })),
    async (places, failed) => {
      let spent = 0;
      for (const [bytes, name, ids, part] of sizes) {
        const entries = places
          .filter(({ row: { subject: id } }) => ids.includes(id))
          .flatMap(({ host, row: { subject: id } }) =>
            ['rows', 'text'].map((kind) => ({
              row: row(id, `${kind === 'rows' ? 'records' : 'one string'}, ${name}`, bytes),
              host,
              input: { [kind]: bytes },
            })),
          );
        await interleave(
          entries,
          ({ host, input }) =>
            host.call('visit', { handler: 'echo', input, ms: 0, most: 1 }, 60_000),
          {
            ms: part * ms,
            most: 15,
            warmUp: quick || bytes > 8 * MB ? 0 : 1,
            hardStop,
            progress: (share, what) => progress(spent + share * part, what),
          },
          failed,
        );
        spent += part;
        rows.push(
          ...finish(
            entries.map((entry) => entry.row),
            failed,
          ).rows,
        );
      }
      for (const place of places) place.row.visits.push([1]);
    },
    asking,
  );
  const find = rowOf(rows);
  const share = (/** @type {string} */ id, /** @type {string} */ of) =>
    times(find(id, of), find('cp-fork', of));
  const half = { target: 0.5, unit: '×' };
  return {
    question: 'JSON echoed, there and back',
    unit: 'ms',
    better: 'lower',
    x: 'bytes',
    method:
      '“Records” is an array of small objects, “one string” a string of ASCII. The start of the ' +
      'guest is included; checking the result is not.',
    rows,
    missing,
    targets: targetsOf(
      ['spawn: 64 MB of records, of child_process.fork', share('spawn', 'records, 64 MB'), half],
      ['spawn: one string of 64 MB, of the same', share('spawn', 'one string, 64 MB'), half],
      ['fork: 1 MB of records', single(find('fork', 'records, 1 MB')), { target: 15, unit: 'ms' }],
      [
        'fork: 32 MB of records, of child_process.fork',
        share('fork', 'records, 32 MB'),
        { target: 0.6, unit: '×' },
      ],
    ),
  };
}
