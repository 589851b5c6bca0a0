import t from 'tap';
import { best } from '../../bench/report/merge.js';
import { performanceText } from '../../bench/report/performance.js';

const machine = { processors: 2, cpu: 'c', memoryGb: 4, system: 's', kernel: '6', user: 'root' };
const visits = (/** @type {number} */ n) => [[n], [n * 1.01], [n * 0.99]];

/** @param {string} node @param {Record<string, number>} latencies @param {number} grown */
function results(node, latencies, grown) {
  const rows = Object.entries(latencies).map(([subject, n]) => ({
    subject,
    case: 'one after the other',
    visits: visits(n),
  }));
  const missing = ['fork', 'cp-fork', 'bun']
    .filter((id) => !(id in latencies))
    .map((subject) => ({ subject, case: 'one after the other', reason: `not with ${node}` }));
  const target = { what: 'descriptors', value: grown, target: 0, unit: '' };
  return {
    date: `2026-11-2${node[1]}T00:00:00.000Z`,
    machine: { ...machine, load: Number(node[1]), loadAfter: 1, stealPercent: 0 },
    versions: { node, [`only ${node}`]: '1' },
    subjects: ['fork', 'cp-fork', 'bun'].map((id) => ({ id, name: `name of ${id}`, kind: 'ours' })),
    answers: {
      latency: { better: 'lower', rows, missing, targets: [] },
      growth: { better: 'lower', rows: [], missing: [], targets: [target], notes: ['slow'] },
    },
  };
}

const both = () =>
  best([
    results('20.1.0', { fork: 1, 'cp-fork': 30 }, 0),
    results('24.1.0', { fork: 2, 'cp-fork': 24 }, 1),
  ]);

t.test('one result stays as it is', async (t) => {
  const one = results('20.1.0', { fork: 1 }, 0);
  t.equal(await best([one]), one);
});

t.test('of each number the better, and what is wanted of them', async (t) => {
  const { answers, versions, machine: merged } = await both();
  const taken = Object.fromEntries(
    answers.latency.rows.map((/** @type {any} */ row) => [
      row.subject,
      [row.node, row.visits[0][0]],
    ]),
  );
  t.same(taken, { fork: ['20.1.0', 1], 'cp-fork': ['24.1.0', 24] });
  const faster = answers.latency.targets.find((/** @type {any} */ { what }) =>
    /times faster/.test(what),
  );
  t.ok(Math.abs(faster.value - 24) < 0.1, String(faster.value));
  t.ok(faster.interval.low < 24 && faster.interval.high > 24);
  t.equal(versions.node, '20.1.0 and 24.1.0');
  t.equal(merged.load, 4, 'the worst that was');
});

t.test('where there is no better, both are told', async (t) => {
  const { answers } = await both();
  t.same(
    answers.growth.targets.map((/** @type {any} */ { what, value }) => [what, value]),
    [
      ['descriptors, Node.js 20.1.0', 0],
      ['descriptors, Node.js 24.1.0', 1],
    ],
  );
  t.same(answers.growth.notes, ['Node.js 20.1.0: slow', 'Node.js 24.1.0: slow']);
});

t.test('what one of them has is not missing', async (t) => {
  const { answers } = await best([
    results('20.1.0', { fork: 1 }, 0),
    results('24.1.0', { 'cp-fork': 24 }, 0),
  ]);
  t.same(
    answers.latency.missing.map((/** @type {any} */ { subject }) => subject),
    ['bun'],
  );
});

t.test('the page of performance: met, missed, and what is not there', async (t) => {
  const text = performanceText(await both(), [
    '../bench/results/a.json',
    '../bench/results/b.json',
  ]);
  t.match(text, /Node\.js 20\.1\.0 and 24\.1\.0 \(of each number the better\)/);
  t.match(
    text,
    /\| latency \| fork: times faster than child_process.fork \| 24\.0 .* × \| ≥ 15 × \| met \|/,
  );
  t.match(text, '| growth | descriptors, Node.js 24.1.0 | 1.00 | ≤ 0 | **missed** |');
  t.match(text, '* name of bun: not with 20.1.0');
  t.match(text, '(../bench/results/b.json)');
});
