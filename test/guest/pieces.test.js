// Values taken apart into pieces and put together again, without a process between.
import t from 'tap';
import pieces from '../../lib/guest/pieces.cjs';

const { FORM, Joiner, split, write } = pieces;
const rows = Array.from({ length: 6000 }, (_, id) => ({ id, name: `row ${id}`, on: true }));

/**
 * There and back.
 * @param {unknown} value
 */
function travel(value) {
  const large = split(value);
  if (!large) return undefined;
  const joiner = new Joiner();
  /** @type {number[]} */
  const lengths = [];
  let size = 0;
  const { text, frame } = write(large, (form, piece) => {
    lengths.push(piece.length);
    size += form === FORM.TEXT ? piece.length + 1 : piece.length - 1;
    joiner.take(form, piece);
  });
  return { value: joiner.finish(text), lengths, size: size + frame.length };
}

t.test('what comes back is what JSON makes of it, in its size', async (t) => {
  /** @type {Record<string, unknown>} */
  const values = {
    rows,
    'rows in an object': { first: 1, rows, last: [2] },
    'two of them, deeper': { a: { b: { rows }, c: rows.slice(1) }, d: null },
    'null prototypes': { __proto__: null, rows, o: { __proto__: null, rows } },
    'a text': 'x'.repeat(1 << 18),
    'texts and rows': { text: 'y'.repeat(1 << 17), rows, more: 'z'.repeat(1 << 20) },
    'characters of more than a byte': rows.map(({ id }) => `é\u{1f600}${id}`),
    'lone surrogates': rows.map(() => '\ud83d'),
    numbers: Array(5000).fill(7),
    'holes, and what is none of JSON': Object.assign(new Array(5000), { 9: () => 1, 11: NaN }),
    dates: rows.map(({ id }) => new Date(id)),
    'classes with a toJSON': rows.map(({ id }) => ({ toJSON: () => ({ id }) })),
    'a toJSON that looks at its key': rows.map(({ id }) =>
      id % 3 ? 1 : { toJSON: (/** @type {string} */ key) => key },
    ),
    'a toJSON that gives nothing': rows.map(() => ({ toJSON: () => undefined })),
    'large ones, then small ones': rows.map(({ id }) => (id < 300 ? 'x'.repeat(5000) : 0)),
    'small ones, then large ones': rows.map(({ id }) => (id > 5900 ? 'x'.repeat(50_000) : 0)),
  };
  for (const [name, value] of Object.entries(values)) {
    const got = travel(value);
    t.ok(got, name);
    const text = JSON.stringify(value);
    t.equal(JSON.stringify(got?.value), text, `${name}: value`);
    t.equal(got?.size, text.length, `${name}: size in characters`);
    t.ok(Math.min(...(got?.lengths ?? [])) >= 1024, `${name}: no piece is too small`);
  }
});

t.test('what is taken apart is what is large, and plain', async (t) => {
  class List extends Array {}
  const big = 'x'.repeat(1 << 20);
  /** @type {Record<string, unknown>} */
  const values = {
    'a small value': { rows: rows.slice(0, 100), text: 'x' },
    'a subclass': List.from(rows),
    'a proxy': new Proxy(rows, {}),
    'an object with a toJSON': { rows, toJSON: () => 1 },
    'a list with a toJSON': Object.assign([...rows], { toJSON: () => 1 }),
    'an instance': new (class {
      rows = rows;
    })(),
    'a member called __proto__': JSON.parse(`{"__proto__": ${JSON.stringify(rows)}}`),
    'more than ASCII': `é${big}`,
    'far down': { a: { b: { c: { d: rows } } } },
    'in a list': [rows],
    'behind a getter': {
      get rows() {
        return rows;
      },
    },
    'many members': Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, rows])),
    nothing: undefined,
    null: null,
  };
  for (const [name, value] of Object.entries(values)) t.equal(travel(value), undefined, name);
});

t.test('a getter is called once', async (t) => {
  let calls = 0;
  const value = {
    rows,
    get more() {
      calls++;
      return { calls };
    },
  };
  t.same(travel(value)?.value.more, { calls: 1 });
  t.equal(calls, 1);
});

t.test('what JSON.stringify throws is thrown', async (t) => {
  const list = [...rows];
  list.push(/** @type {any} */ (list));
  t.throws(() => travel(list), { name: 'TypeError', message: /circular/ });
  t.throws(() => travel([...rows, 1n]), { name: 'TypeError', message: /BigInt/ });
});

t.test('pieces of somebody who wrote no value', async (t) => {
  /** @type {[name: string, taken: [number, any][], text: string][]} */
  const cases = [
    ['more of nothing', [[FORM.MORE, '[1]']], '[0,[[]]]'],
    [
      'more of a text',
      [
        [FORM.TEXT, 'x'],
        [FORM.MORE, '[1]'],
      ],
      '[0,[[]]]',
    ],
    ['a list that is none', [[FORM.LIST, '{"length":1}']], '[0,[[]]]'],
    ['no JSON', [[FORM.LIST, '[']], '[0,[[]]]'],
    ['no text', [[FORM.TEXT, null]], '[0,[[]]]'],
    ['no places', [[FORM.TEXT, 'x']], '[0]'],
    [
      'too few places',
      [
        [FORM.TEXT, 'x'],
        [FORM.TEXT, 'y'],
      ],
      '[{"a":0},[["a"]]]',
    ],
    ['a place that is not there', [[FORM.TEXT, 'x']], '[{"a":0},[["b"]]]'],
    ['a place in nothing', [[FORM.TEXT, 'x']], '[null,[["b"]]]'],
    ['a place in a text', [[FORM.TEXT, 'x']], '["abc",[["length"]]]'],
    ['a place in the prototype', [[FORM.TEXT, 'x']], '[{"a":{}},[["a","__proto__"]]]'],
    ['a place behind the prototype', [[FORM.TEXT, 'x']], '[{},[["__proto__","polluted"]]]'],
    ['the constructor', [[FORM.TEXT, 'x']], '[{},[["constructor","polluted"]]]'],
    ['a place that is no list', [[FORM.TEXT, 'x']], '[{"a":0},["a"]]'],
    ['a place that is no name', [[FORM.TEXT, 'x']], '[{"a":0},[[{}]]]'],
    ['a place far down', [[FORM.TEXT, 'x']], '[{"a":{"a":{"a":{"a":0}}}},[["a","a","a","a"]]]'],
    ['an answer that is no list', [[FORM.TEXT, 'x']], '{}'],
    ['nothing at all', [[FORM.TEXT, 'x']], ''],
  ];
  for (const [name, taken, text] of cases) {
    const joiner = new Joiner();
    t.throws(
      () => {
        for (const [form, piece] of taken) joiner.take(form, piece);
        joiner.finish(text);
      },
      Error,
      name,
    );
  }
  t.equal(/** @type {any} */ ({}).polluted, undefined);
  const joiner = new Joiner();
  joiner.take(FORM.TEXT, 'x');
  const data = joiner.finish('[{"__proto__":{"polluted":0}},[["__proto__","polluted"]]]');
  t.equal(/** @type {any} */ ({}).polluted, undefined, 'a member of that name is a member');
  t.equal(Object.getPrototypeOf(data), Object.prototype);
});

t.test('a list of very many pieces', async (t) => {
  const joiner = new Joiner();
  joiner.take(FORM.LIST, '[0]');
  for (let i = 1; i < 300_000; i++) joiner.take(FORM.MORE, `[${i}]`);
  const list = joiner.finish('[0,[[]]]');
  t.equal(list.length, 300_000);
  t.ok(list.every((/** @type {number} */ item, /** @type {number} */ i) => item === i));
});
