import t from 'tap';
import { forkText, putBetween, readmeText } from '../../bench/report/readme.js';

t.test('what is between the markers is replaced, and nothing else', async (t) => {
  const before = 'above\n<!-- bench -->\nold\n<!-- /bench -->\nbelow <!-- /bench -->\n';
  const after = putBetween(before, 'new\n');
  t.equal(after, 'above\n<!-- bench -->\nnew\n<!-- /bench -->\nbelow <!-- /bench -->\n');
  t.equal(putBetween(after, 'new'), after);
});

t.test(
  'a README without the second marker gets it, one without the first is an error',
  async (t) => {
    t.equal(
      putBetween('a\n<!-- bench -->\nb', 'new'),
      'a\n<!-- bench -->\nnew\n<!-- /bench -->\nb',
    );
    t.throws(() => putBetween('nothing', 'new'), /no <!-- bench -->/);
  },
);

t.test('the part has date, machine, plots, each subject and what is missing', async (t) => {
  const subject = (/** @type {string} */ id, /** @type {string} */ kind) => ({
    id,
    name: `name of ${id}`,
    kind,
    isolation: `isolation of ${id}`,
  });
  const row = (/** @type {string} */ id, /** @type {number} */ n, of = 'one after the other') => ({
    subject: id,
    case: of,
    visits: [[n], [n], [n]],
  });
  const text = readmeText(
    {
      date: '2026-11-24T00:00:00.000Z',
      machine: { processors: 2, cpu: 'c', memoryGb: 4, system: 's', kernel: '6', user: 'root' },
      versions: { node: '20.0.0' },
      subjects: [subject('fork', 'ours'), subject('cp-fork', 'process'), subject('bun', 'process')],
      answers: {
        latency: {
          rows: [row('fork', 1), row('cp-fork', 25)],
          missing: [{ subject: 'bun', reason: 'not there' }],
        },
        throughput: { rows: [row('fork', 1000, '8 at once')] },
      },
    },
    ['bench/results/x.json'],
  );
  t.match(text, /Measured 2026-11-24 on 2 processors \(c\), 4 GB, s, Linux 6, Node\.js 20\.0\.0/);
  t.match(text, 'bench/plots/latency.svg');
  t.match(text, 'bench/plots/throughput.svg');
  t.match(text, '(bench/results/x.json)');
  t.match(text, '| **name of fork** | isolation of fork | 1.00 | ×0.0400 | 1000 | – | – |');
  t.match(text, '| name of cp-fork | isolation of cp-fork | 25.0 | ×1.00 | – | – | – |');
  t.match(text, 'Not measured there: name of bun');
});

t.test('what forked guests were to reach, met or not', async (t) => {
  const target = (/** @type {string} */ what, /** @type {number} */ value) => ({
    what,
    value,
    target: 1.2,
    unit: 'ms',
  });
  const targets = [
    target('fork: a run', 2),
    target('preload: a run', 1),
    target('spawn: a run', 9),
  ];
  const text = forkText({ answers: { latency: { targets }, logs: {} } });
  t.match(text, '| latency | fork: a run | 2.00 ms | ≤ 1.2 ms | **missed** |');
  t.match(text, '| latency | preload: a run | 1.00 ms | ≤ 1.2 ms | met |');
  t.notMatch(text, 'spawn');
});
