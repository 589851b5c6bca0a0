// The advanced serialization: what it carries, and what a hostile text of it can do.
import t from 'tap';
import { decode, encode } from '../../lib/guest/advanced.mjs';
import { run } from './helper.js';

/** @param {unknown} value */
const copy = (value) => decode(encode(value));

t.test('carries what JSON cannot', async (t) => {
  const value = {
    map: new Map([[{ key: 1 }, new Set([1, 'a'])]]),
    date: new Date(5),
    big: -(2n ** 70n),
    floats: new Float64Array([1.5, -0]),
    bytes: new Uint8Array([1, 2, 3]),
    buffer: new Uint8Array([9]).buffer,
    view: new DataView(new ArrayBuffer(3)),
    pattern: /a"b/giu,
    url: new URL('https://example.com/?q=1'),
    missing: undefined,
    numbers: [NaN, Infinity, -Infinity, -0],
    bare: Object.assign(Object.create(null), { a: 1 }),
    text: '</script>\u2028\ud800',
    holes: [1, , 3], // eslint-disable-line no-sparse-arrays
  };
  const got = copy(value);
  t.strictSame(got, value);
  t.ok(Object.is(got.numbers[3], -0));
  t.notOk(1 in got.holes);
  t.equal(Object.getPrototypeOf(got.bare), null);
  for (const plain of [undefined, null, 0, -0, NaN, 'x', true, 1n]) {
    t.ok(Object.is(copy(plain), plain), String(plain));
  }
});

t.test('keeps identity and cycles', async (t) => {
  const shared = { n: 1 };
  /** @type {any} */
  const value = { a: shared, b: shared };
  value.self = value;
  const got = copy(value);
  t.equal(got.self, got);
  t.equal(got.a, got.b);
});

t.test('errors keep type, message, stack, code and cause', async (t) => {
  const cause = Object.assign(new Error('inner'), { code: 'E_IN' });
  const error = new RangeError('outer', { cause });
  const got = copy([error])[0];
  t.ok(got instanceof RangeError);
  t.equal(got.message, 'outer');
  t.equal(got.stack, error.stack);
  t.match(got.cause, { message: 'inner', code: 'E_IN' });
  const named = copy(Object.assign(new Error('x'), { name: 'MyError' }));
  t.equal(named.name, 'MyError');
  t.ok(named instanceof Error);
  const circular = new Error('loop');
  circular.cause = circular;
  t.equal(copy(circular).message, 'loop');
});

t.test('a view shows no more than it shows', async (t) => {
  const pool = new TextEncoder().encode('secret visible secret');
  for (const view of [pool.subarray(7, 14), Buffer.from(pool.buffer, 7, 7)]) {
    const text = encode(view);
    t.equal(Buffer.from(copy(view)).toString(), 'visible');
    t.equal(copy(view).buffer.byteLength, 7);
    t.notMatch(Buffer.from(text.split('"')[5] ?? '', 'base64').toString(), /secret/);
  }
  const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(3);
  t.same([...copy(shared)], [3, 3]);
});

t.test('class instances become plain, what has no text is an error that says where', async (t) => {
  class Point {
    x = 1;
  }
  t.strictSame(copy({ at: new Point() }), { at: { x: 1 } });
  t.throws(() => encode({ a: [() => {}] }), /function.*\.a\[0\]/);
  t.throws(() => encode({ s: Symbol('s') }), /Symbol.*\.s/);
  t.throws(() => encode(Promise.resolve()), /it is a promise: await it/);
  t.throws(() => encode({ a: [Promise.resolve()] }), /a promise at \.a\[0\]: await it/);
  t.throws(() => encode(new WeakMap()), /non-POJO/);
  t.throws(() => encode(JSON.parse('{"__proto__":1}')), /__proto__/);
});

t.test('limits hold on both sides alike', async (t) => {
  /** @param {number} depth */
  const nested = (depth) => {
    /** @type {any} */
    let value = 1;
    for (let i = 0; i < depth; i++) value = i % 2 === 0 ? { value } : new Set([[value]]);
    return value;
  };
  t.ok(copy(nested(600)));
  t.throws(() => encode(nested(5000)), /deeper than 1000/);
  t.throws(() => decode(encode(nested(100)), { maxDepth: 50 }), /deeper than 50/i);
  const map = new Map([[1, new Map([[2, []]])]]);
  t.ok(decode(encode(map, { maxDepth: 2 }), { maxDepth: 2 }));
  t.throws(() => encode(map, { maxDepth: 1 }), /deeper/);
  t.throws(() => decode(encode(map), { maxDepth: 1 }), /deeper/i);

  const sparse = [];
  sparse[999_999] = 1;
  t.equal(copy(sparse).length, 1_000_000);
  t.throws(() => encode([sparse, [, , 1]]), /holes/); // eslint-disable-line no-sparse-arrays
  t.throws(() => encode(10n ** 100_001n), /100000 digits/);
  t.equal(copy(10n ** 99_999n), 10n ** 99_999n);
  t.throws(() => encode('x'.repeat(100), { maxBytes: 50 }), /50 bytes/);
  t.throws(() => decode(' '.repeat(100), { maxBytes: 50 }), /50 bytes/);
});

t.test('a hostile text is an Error, quickly, and pollutes nothing', async (t) => {
  const depth = 200_000;
  const chain = Array.from({ length: depth }, (_, i) => [i + 1]);
  const texts = {
    empty: '',
    'not JSON': '[[1',
    object: '{"a":1}',
    'no values': '[]',
    'index out of range': '[[7]]',
    'index of another type': '[["Set","x"]]',
    'nested text': '['.repeat(depth) + ']'.repeat(depth),
    'nested values': JSON.stringify(chain),
    'nested behind siblings': JSON.stringify([chain.map((_, i) => i + 1), ...chain.slice(1), 1]),
    'nested maps': JSON.stringify(chain.map((_, i) => ['Map', -1, i + 1])),
    'nested errors': JSON.stringify(chain.map((_, i) => ['Error', i + 1])),
    'error of an error': '[["Error",["Error",["Error",1]]]]',
    'error that is no object': '[["Error",1],"1"]',
    'sparse bomb': '[[-7,4294967295]]',
    'sparse bombs': JSON.stringify([
      [1, 2, 3],
      [-7, 900000],
      [-7, 900000],
      [-7, 900000],
    ]),
    'sparse of a text': '[[-7,"9"]]',
    'digits bomb': JSON.stringify([['BigInt', '9'.repeat(5_000_000)]]),
    'boxed digits bomb': JSON.stringify([
      ['Object', 1],
      ['BigInt', '9'.repeat(5_000_000)],
    ]),
    'boxed loop': '[["Object",0]]',
    'view of a view': '[["Uint8Array",0]]',
    'view of a length': '[["Uint8Array",1],4294967295]',
    'view outside of its buffer': '[["Uint8Array",1,0,99],["ArrayBuffer","AAAA"]]',
    'view of nothing': '[["Uint8Array",9]]',
    'buffer of a number': '[["ArrayBuffer",1],99999999]',
    'date of an array': '[["Date",[[1]]]]',
    'bad pattern': '[["RegExp","("]]',
    'bad URL': '[["URL","no"]]',
    'unknown type': '[["Function","alert(1)"]]',
    'type from a prototype': '[["constructor","x"]]',
    'proto key': '[{"__proto__":1},{"polluted":2},true]',
    'proto key of a null object': '[["null","__proto__",1],{"polluted":2},true]',
  };
  for (const [name, text] of Object.entries(texts)) {
    let caught;
    try {
      decode(text);
    } catch (error) {
      caught = error;
    }
    t.ok(caught instanceof Error, name);
  }
  t.equal(/** @type {any} */ ({}).polluted, undefined);
  const own = decode('[{"constructor":1,"toString":1},5]');
  t.strictSame(Object.keys(own), ['constructor', 'toString']);
});

t.test('random damage is a value or an Error', async (t) => {
  const text = encode({
    a: [1, new Map([[1n, new Set(['x'])]]), new Error('e'), new Uint8Array(3), new Date(0)],
    b: /x/g,
  });
  // A generator of its own, so that a failure comes again.
  let seed = 1;
  const random = (/** @type {number} */ below) => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  const alphabet = '[]{}",:-0123456789aBeEgIMprstux';
  let values = 0;
  for (let i = 0; i < 20_000; i++) {
    const at = random(text.length);
    const damaged =
      text.slice(0, at) + alphabet[random(alphabet.length)] + text.slice(at + random(3));
    try {
      decode(damaged);
      values++;
    } catch (error) {
      if (!(error instanceof Error)) t.fail(`not an Error for ${damaged}`);
    }
  }
  t.ok(values > 0);
});

t.test('a guest speaks it when asked to', async (t) => {
  /** @type {any} */
  const input = {
    map: new Map(),
    date: new Date(0),
    big: 1n,
    bytes: new Uint8Array([1, 2]),
  };
  input.self = input;
  const serialization = 'advanced';
  const seen = await run({ export: 'advancedTypes', serialization }, { input: encode(input) });
  t.same(decode(seen.results[0]), {
    map: true,
    date: true,
    bigint: 'bigint',
    bytes: [1, 2],
    cycle: true,
  });
  const echoed = await run({ export: 'advanced', serialization }, { input: encode(input) });
  const got = decode(echoed.results[0]);
  t.equal(got.self, got);
  t.equal(got.big, 1n);

  const empty = await run({ export: 'advanced', serialization });
  t.same(empty.results, ['']);
  const cannot = await run({ export: 'functionResult', serialization });
  t.match(cannot.error, { code: 'RESULT_NOT_SERIALIZABLE', message: /function/ });
  const malformed = await run({ export: 'advanced', serialization }, { input: '[[9]]' });
  t.match(malformed.error, { code: 'HANDLER_ERROR', details: { phase: 'load' } });
});
