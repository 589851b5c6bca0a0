import fs from 'node:fs';
import t from 'tap';
import { able, subjects } from '../../bench/catalogue.js';
import { finish, interleave, row } from '../../bench/measure.js';

const limits = { ms: 10_000, most: 4, hardStop: Infinity, progress: () => {} };

t.test('subjects take turns, each round in another order', async (t) => {
  const entries = ['a', 'b', 'c'].map((id) => ({ row: row(id) }));
  /** @type {string[]} */
  const order = [];
  await interleave(
    entries,
    async (entry) => {
      order.push(entry.row.subject);
      return [order.length];
    },
    limits,
    [],
  );
  const rounds = [0, 3, 6, 9].map((from) => order.slice(from, from + 3));
  for (const round of rounds) t.same(round.toSorted(), ['a', 'b', 'c']);
  t.ok(new Set(rounds.map(([first]) => first)).size > 1);
  for (const entry of entries) t.equal(entry.row.visits.length, 4);
});

t.test('warming up does not count', async (t) => {
  const entry = { row: row('a') };
  let calls = 0;
  await interleave([entry], async () => [++calls], { ...limits, warmUp: 2 }, []);
  t.same(entry.row.visits, [[3], [4], [5], [6]]);
});

t.test('one that fails is out, with its reason, and the others go on', async (t) => {
  const entries = [{ row: row('a') }, { row: row('b', 'case') }];
  /** @type {any[]} */
  const failed = [];
  await interleave(
    entries,
    async (entry) => {
      if (entry.row.subject === 'b') throw new Error('it broke');
      return [1];
    },
    limits,
    failed,
  );
  const { rows, missing } = finish(
    entries.map((entry) => entry.row),
    failed,
  );
  t.same(rows, [{ subject: 'a', visits: [[1], [1], [1], [1]] }]);
  t.same(missing, [{ subject: 'b', case: 'case', reason: 'it broke' }]);
});

t.test('what there was no time for is named', async (t) => {
  const entries = [{ row: row('a') }, { row: row('b') }];
  await interleave(entries, async () => [1], { ...limits, hardStop: 0 }, []);
  const { rows, missing } = finish(
    entries.map((entry) => entry.row),
    [],
  );
  t.same(rows, []);
  t.match(missing, [
    { subject: 'a', reason: 'no time was left' },
    { subject: 'b', reason: 'no time was left' },
  ]);
});

t.test('every subject is what the catalogue says, and has its file', async (t) => {
  t.equal(new Set(subjects.map(({ id }) => id)).size, subjects.length);
  for (const { id, file, isolation } of subjects) {
    t.ok(isolation, `${id} says what isolates it`);
    const url = new URL(`../../bench/subjects/${file}.js`, import.meta.url);
    t.ok(fs.existsSync(url), `${file}.js`);
  }
  t.ok(able('echo').length > able('echo', 'files').length);
});

t.test('every question can be asked, and all of them in their time', async (t) => {
  const directory = new URL('../../bench/questions/', import.meta.url);
  const sum = { full: 0, quick: 0 };
  for (const file of fs.readdirSync(directory)) {
    const { ask, seconds } = await import(new URL(file, directory).href);
    t.type(ask, 'function', file);
    sum.full += seconds.full;
    sum.quick += seconds.quick;
  }
  t.ok(sum.full < 15 * 60 - 60, `${sum.full} s`);
  t.ok(sum.quick < 2 * 60 - 15, `${sum.quick} s`);
});
