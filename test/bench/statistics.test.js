import t from 'tap';
import { judge, more, rowOf, single, targetsOf, times } from '../../bench/targets.js';
import {
  difference,
  interval,
  overlap,
  percentile,
  ratio,
  typical,
} from '../../bench/statistics.js';

/** Numbers from a sequence that is the same every time, around `middle`. */
function visits(middle, count, spread = 0.1, seed = 1) {
  let state = seed;
  const next = () => (state = (state * 16807) % 2147483647) / 2147483647;
  return Array.from({ length: count }, () =>
    Array.from({ length: 3 }, () => middle * (1 + spread * (next() - 0.5))),
  );
}

t.test('the typical number is the median of the visits’ medians', async (t) => {
  t.equal(typical([[1, 2, 9], [3], [100]]), 3);
  t.equal(
    typical([[1], [3], [1000, 1000, 1000, 1000, 1000, 1000]]),
    3,
    'a visit with many runs counts no more than another',
  );
});

t.test('a percentile is one of all numbers', async (t) => {
  t.equal(percentile([[5], [1, 2, 3, 4]], 0.5), 3);
  t.equal(percentile([[11], [1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], 0.95), 10.5);
});

t.test('one visit has no interval', async (t) => {
  t.equal(interval([[1, 2, 3]]), undefined);
  t.equal(ratio([[1, 2]], [[2, 3]], { paired: true }).interval, undefined);
  t.equal(ratio([[2]], [[3]], { paired: false }).ratio, 1.5);
});

t.test('few visits: Student’s t, which is wide', async (t) => {
  const few = interval([[9], [10], [11]]);
  t.ok(few.low < 9 && few.high > 11, JSON.stringify(few));
  // exp(mean ± 4.303 s / √3) of their logarithms
  t.match([few.low.toFixed(2), few.high.toFixed(2)], ['7.77', '12.79']);
  t.equal(interval([[0], [1]]), undefined, 'nothing can be said where logarithms cannot');
});

t.test('many visits: the interval holds the middle and narrows', async (t) => {
  const some = interval(visits(20, 20));
  const many = interval(visits(20, 400));
  for (const { low, high } of [some, many]) t.ok(low < 20.2 && high > 19.8, `${low} – ${high}`);
  t.ok(many.high - many.low < some.high - some.low);
  t.same(interval(visits(20, 20)), some, 'it is the same every time');
});

t.test('an interval covers the truth as often as it says', async (t) => {
  let held = 0;
  for (let seed = 1; seed <= 100; seed++) {
    const { low, high } = interval(visits(20, 25, 0.4, seed * 7919));
    if (low <= 20 && high >= 20) held++;
  }
  t.ok(held >= 88, `${held} of 100`);
});

t.test('paired rounds: what hits a whole round cancels out', async (t) => {
  const a = visits(10, 30, 0.02, 3);
  const b = visits(20, 30, 0.02, 5);
  const busy = (/** @type {number[][]} */ of) =>
    of.map((numbers, round) => numbers.map((n) => n * (round % 3 === 0 ? 4 : 1 + round / 30)));
  const { ratio: times, interval: spread } = ratio(busy(a), busy(b), { paired: true });
  t.ok(Math.abs(times - 2) < 0.1, String(times));
  const apart = ratio(busy(a), busy(b), { paired: false });
  t.ok(
    spread.high - spread.low < (apart.interval.high - apart.interval.low) / 2,
    JSON.stringify({ spread, apart }),
  );
});

t.test('unpaired: the ratio’s interval is wider than either', async (t) => {
  const found = ratio(visits(10, 30), visits(12, 25, 0.1, 9), { paired: false });
  t.ok(found.interval.low < 1.2 && found.interval.high > 1.2, JSON.stringify(found));
  t.ok(found.interval.low > 1.1 && found.interval.high < 1.3, JSON.stringify(found));
});

t.test('overlap', async (t) => {
  t.ok(overlap({ low: 1, high: 3 }, { low: 3, high: 4 }));
  t.ok(overlap({ low: 1, high: 9 }, { low: 3, high: 4 }));
  t.notOk(overlap({ low: 1, high: 2 }, { low: 3, high: 4 }));
});

t.test('a difference of the same rounds', async (t) => {
  const a = visits(10, 30, 0.02, 3);
  const b = a.map((numbers, round) => numbers.map((n) => n + 5 + (round % 2) / 10));
  const { difference: found, interval: spread } = difference(a, b);
  t.ok(Math.abs(found - 5.05) < 0.2, String(found));
  t.ok(spread.low < found && spread.high > found && spread.high - spread.low < 0.5);
  const few = difference([[1], [2], [3]], [[2], [3], [5]]);
  t.equal(few.difference, 1);
  t.ok(few.interval.low < 0 && few.interval.high > 2, JSON.stringify(few));
});

t.test('targets: met, missed, and whether the numbers are good enough to tell', async (t) => {
  const rows = [
    { subject: 'a', case: 'x', visits: visits(10, 20, 0.01, 3) },
    { subject: 'b', case: 'x', visits: visits(20, 20, 0.01, 5) },
  ];
  const find = rowOf(rows);
  t.equal(find('a', 'y'), undefined);
  const [double, apart, small, noisy] = targetsOf(
    ['b is twice a', times(find('b'), find('a')), { target: 1.9, atLeast: true, unit: '×' }],
    ['b is more', more(find('b'), find('a')), { target: 5, unit: 'ms' }],
    ['a alone', single(find('a')), { target: 12, unit: 'ms' }],
    ['in the noise', { value: 3, interval: { low: 1, high: 6 } }, { target: 4, unit: 'ms' }],
    ['not measured', times(find('b'), find('c')), { target: 1, unit: '×' }],
  );
  t.same(judge(double), { met: true, sure: true });
  t.same(judge(apart), { met: false, sure: true });
  t.same(judge(small), { met: true, sure: true });
  t.same(judge(noisy), { met: true, sure: false });
});
