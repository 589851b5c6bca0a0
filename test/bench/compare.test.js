import t from 'tap';
import { compare, compareRatios } from '../../bench/compare.js';

/** Twelve visits around `middle`, 1 % apart. */
const around = (/** @type {number} */ middle) =>
  Array.from({ length: 12 }, (_, i) => [middle * (1 + (i - 5.5) / 600)]);

/** @param {Record<string, any>} answers @param {object} [other] */
const results = (answers, other) => ({
  quick: false,
  machine: { cpu: 'c', processors: 2, kernel: '6.1', user: 'root' },
  versions: { node: '20.0.0' },
  answers,
  ...other,
});

/** @param {'lower' | 'higher'} better @param {...any} rows */
const answer = (better, ...rows) => ({ better, unit: 'ms', question: 'q', rows, missing: [] });

const verdicts = (/** @type {any} */ { changes }) =>
  changes.map((/** @type {any} */ { subject, verdict }) => [subject, verdict]);

t.test('ratio, interval and verdict of each row', async (t) => {
  const row = (/** @type {string} */ subject, /** @type {number} */ middle) => ({
    subject,
    visits: around(middle),
  });
  const a = results({
    latency: answer('lower', row('spawn', 25), row('cp-fork', 26), row('vm', 1)),
  });
  const b = results({
    latency: answer('lower', row('spawn', 20), row('cp-fork', 26.01), row('vm', 2)),
  });
  const found = compare(a, b);
  t.same(verdicts(found), [
    ['spawn', 'better'],
    ['cp-fork', 'no difference seen'],
    ['vm', 'worse'],
  ]);
  const [{ before, after, ratio, interval }] = found.changes;
  t.match(
    [before, after, ratio].map((n) => n.toFixed(2)),
    ['25.00', '20.00', '0.80'],
  );
  t.ok(interval.low < 0.8 && interval.high > 0.8 && interval.high < 1);
  t.same(found.warnings, []);
});

t.test('where higher is better, more is better', async (t) => {
  const of = (/** @type {number} */ middle) =>
    results({ throughput: answer('higher', { subject: 'fork', at: 8, visits: around(middle) }) });
  t.same(verdicts(compare(of(900), of(1000))), [['fork', 'better']]);
  t.same(verdicts(compare(of(1000), of(900))), [['fork', 'worse']]);
});

t.test('one visit is too few to tell', async (t) => {
  const of = (/** @type {number} */ n) =>
    results({ growth: answer('lower', { subject: 'spawn', case: 'x', at: 0, visits: [[n]] }) });
  t.same(verdicts(compare(of(1), of(5))), [['spawn', 'too few numbers']]);
});

t.test(
  'rows are told apart by case and place, and those without a partner are named',
  async (t) => {
    const row = (/** @type {string} */ of, /** @type {number} */ at) => ({
      subject: 'spawn',
      case: of,
      at,
      visits: around(at),
    });
    const a = results({ payload: answer('lower', row('text', 1), row('text', 2), row('rows', 1)) });
    const b = results({ payload: answer('lower', row('text', 2), row('rows', 1), row('rows', 2)) });
    const { changes, onlyA, onlyB } = compare(a, b);
    t.same(
      changes.map((change) => [change.case, change.at, change.verdict]),
      [
        ['text', 2, 'no difference seen'],
        ['rows', 1, 'no difference seen'],
      ],
    );
    t.same(onlyA, ['payload · spawn · text · 1']);
    t.same(onlyB, ['payload · spawn · rows · 2']);
  },
);

t.test('what makes two results hard to compare is said', async (t) => {
  const of = (/** @type {number} */ middle) => ({
    latency: answer('lower', { subject: 'node', visits: around(middle) }),
  });
  const { warnings } = compare(
    results(of(20)),
    results(of(30), {
      quick: true,
      machine: { cpu: 'other', processors: 2, kernel: '6.1', user: 'root' },
      versions: { node: '22.0.0', execa: '9.0.0' },
    }),
  );
  t.match(warnings, [
    /^cpu differs: c, other$/,
    /^version of node differs: 20\.0\.0, 22\.0\.0$/,
    /^version of execa differs: none, 9\.0\.0$/,
    /--quick/,
    /node -e 0 took 1\.50 times/,
  ]);
});

t.test('ratios to child_process.fork agree when only the machine was slower', async (t) => {
  const of = (/** @type {number} */ slower, /** @type {number} */ ours) =>
    results({
      latency: answer(
        'lower',
        { subject: 'cp-fork', visits: around(25 * slower) },
        { subject: 'fork', visits: around(ours * slower) },
      ),
    });
  const agree = (/** @type {any} */ a, /** @type {any} */ b) =>
    compareRatios(a, b).map((/** @type {any} */ one) => [one.key, one.agree]);
  t.same(agree(of(1, 1), of(3, 1)), [['latency · fork', true]]);
  t.same(agree(of(1, 1), of(1, 1.5)), [['latency · fork', false]]);
  t.same(verdicts(compare(of(1, 1), of(3, 1)))[1], ['fork', 'worse']);
});
