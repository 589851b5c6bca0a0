// What does each guard cost?
import { USE } from '../../lib/confinement.js';
import { subject } from '../catalogue.js';
import { Host, finish, interleave, row, withHosts } from '../measure.js';
import { more, rowOf, targetsOf } from '../targets.js';

export const seconds = { full: 35, quick: 6 };

const NONE = 'none';
const ALL = 'all';

/** Sets of guards by name: none, each alone, all but the namespaces, all. */
function sets() {
  const guards = Object.entries(USE).filter(([name]) => name !== 'selfTest');
  const all = guards.reduce((mask, [, bit]) => mask | bit, 0);
  return [
    { name: NONE, mask: 0 },
    ...guards.map(([name, bit]) => ({ name, mask: bit })),
    { name: 'all but namespaces', mask: all & ~USE.namespaces },
    { name: ALL, mask: all },
  ];
}

/** A guest is forked only where there is a filter of system calls. @param {string} id */
const setsOf = (id) =>
  id === 'fork' ? sets().filter(({ mask }) => (mask & USE.seccomp) !== 0) : sets();

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask(asking) {
  const { quick, ms, hardStop, progress } = asking;
  const input = 1;
  const run = await withHosts(
    ['spawn', 'fork'].flatMap((id) =>
      setsOf(id).map(({ name, mask }) => ({
        row: row(id, name),
        subject: subject(id),
        handler: 'echo',
        input,
        options: { guards: mask },
      })),
    ),
    (places, failed) =>
      interleave(
        places,
        ({ host }) => host.call('visit', { handler: 'echo', input, ms: 30, most: 20 }),
        {
          ms: 0.7 * ms,
          most: 100,
          warmUp: quick ? 0 : 1,
          hardStop,
          progress: (s, w) => progress(0.7 * s, w),
        },
        failed,
      ),
    asking,
  );
  const first = await firstRuns(asking);
  const rows = [...run.rows, ...first.rows];
  const find = rowOf(rows);
  const add = (/** @type {string} */ of) => more(find('spawn', of), find('spawn', NONE));
  return {
    question: 'One run of a small handler under some of the guards',
    unit: 'ms',
    better: 'lower',
    method:
      'Which guards are used is no option of the package: the suite sets it from inside. Limits, ' +
      'the environment and the privileges are always confined. The self-test is made before the ' +
      'first run of a process, with isolation: ‘strict’.',
    rows,
    missing: [...run.missing, ...first.missing],
    targets: targetsOf(
      ['spawn: all but namespaces add', add('all but namespaces'), { target: 1, unit: 'ms' }],
      ['spawn: all guards add', add(ALL), { target: 4, unit: 'ms' }],
    ),
  };
}

/**
 * What the self-test costs: the first run of a host, with and without.
 *
 * @param {import('../measure.js').Asking} asking
 */
async function firstRuns({ quick, ms, hardStop, progress }) {
  const entries = [
    { row: row('spawn', 'first run, self-test'), options: {} },
    { row: row('spawn', 'first run, no self-test'), options: { isolation: 'best-effort' } },
  ];
  /** @type {import('../measure.js').Answer['missing']} */
  const failed = [];
  await interleave(
    entries,
    async ({ options }) => {
      const host = await Host.start(subject('spawn'));
      try {
        return [await host.call('first', { handler: 'echo', input: 1, options })];
      } finally {
        await host.stop();
      }
    },
    {
      ms: 0.3 * ms,
      most: quick ? 3 : 40,
      hardStop,
      progress: (share, what) => progress(0.7 + 0.3 * share, what),
    },
    failed,
  );
  return finish(
    entries.map((entry) => entry.row),
    failed,
  );
}
