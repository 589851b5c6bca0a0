// Long JSON, read a little at a time: it has to be what JSON.parse makes of it.
import t from 'tap';
import { inTurns, isLong, Reader } from '../lib/reader.js';

/** @param {string | Uint8Array} text @param {(text: string) => any} [parse] */
function read(text, parse) {
  const reader = new Reader(Buffer.from(text), parse);
  let steps = 1;
  while (!reader.step(0)) steps++;
  return { value: reader.value, steps };
}

let seed = 7;
/** @param {number} n @returns {number} below it */
function random(n) {
  seed = (seed + 0x6d2b79f5) | 0;
  let x = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
  return ((x ^ (x >>> 14)) >>> 0) % n;
}

/** @param {number} depth @returns {any} */
function make(depth) {
  const kind = depth === 0 ? 5 + random(2) : random(depth > 4 ? 4 : 8);
  const size = depth === 0 ? 1500 : 5;
  if (kind === 0) return random(1000) - 500;
  if (kind === 1) return 'é"\\€😀\n'.repeat(random(20));
  if (kind === 2) return null;
  if (kind === 3) return random(2) === 0;
  if (kind < 6) return Array.from({ length: random(size) }, () => make(depth + 1));
  const object = {};
  for (let i = random(size); i >= 0; i--) {
    const name = ['__proto__', `a${i}`, String(i), '', `é"${i}`][random(5)];
    const value = make(depth + 1);
    const how = { value, enumerable: true, configurable: true, writable: true };
    Object.defineProperty(object, name, how);
  }
  return object;
}

t.test('values of all kinds', async (t) => {
  let long = 0;
  for (let i = 0; i < 25; i++) {
    const text = JSON.stringify(make(0), null, random(3));
    const { value, steps } = read(text);
    t.equal(JSON.stringify(value), JSON.stringify(JSON.parse(text)), `value ${i}`);
    if (steps > 2) long++;
  }
  t.ok(long > 10, 'most took several steps');
});

t.test('texts that are long, and values that are deep', async (t) => {
  const texts = [
    JSON.stringify('a'.repeat(3e6)),
    `["${'é\\u00e9€\\n\\\\😀'.repeat(1e5)}",1,{"k":"${'\\ud83d\\ude00x'.repeat(1e5)}","m":[]}]`,
    `  {"a":"${'x'.repeat(6e5)}"}  `,
    `{"a":[${'"y",'.repeat(1e5)}{"b":[[${'1,'.repeat(1e5)}2],{}]}]}`,
  ];
  for (const text of texts) {
    const { value, steps } = read(text);
    t.equal(JSON.stringify(value), JSON.stringify(JSON.parse(text)));
    t.ok(steps > 20, 'a little at a time');
  }
  let { value } = read('['.repeat(2e5) + ']'.repeat(2e5));
  let depth = 0;
  for (; value.length > 0; [value] = value) depth++;
  t.equal(depth, 2e5 - 1);
});

t.test('what JSON.parse refuses is refused', async (t) => {
  const list = JSON.stringify(Array.from({ length: 20_000 }, (_, i) => ({ i, t: [`${i}`] })));
  const end = list.length - 1;
  const texts = [
    list.slice(0, -1),
    `${list}]`,
    `${list}[]`,
    `x${list}`,
    `${list.slice(0, end)},]`,
    `${list.slice(0, end)}}`,
    list.replace(',', ',,'),
    list.replace('},', '} '),
    list.replace('"i":1000,', '"i":1000'),
    list.replace('"i":1000,', '1000,'),
    list.replace('[{', '{{'),
    `[${list}${list}]`,
    `{"a":${list},}`,
    `{"a":${list} "b":1}`,
    `{${list}}`,
    `{"a" "b":${list}}`,
    `["${'x'.repeat(5e5)}" 1]`,
    `["${'x'.repeat(5e5)}"`,
    `{1:"${'x'.repeat(5e5)}"}`,
    `["${'x'.repeat(5e5)}\n"]`,
    `{"${'x'.repeat(5e5)}":1}x`,
  ];
  for (const [i, text] of texts.entries()) {
    t.throws(() => JSON.parse(text), SyntaxError, `control ${i}`);
    t.throws(() => read(text), SyntaxError, `text ${i}`);
  }
  let checked = 0;
  for (let i = 0; i < 150; i++) {
    const whole = JSON.stringify(make(0));
    if (whole.length < 20_000 || whole.length > 150_000) continue;
    const at = random(whole.length);
    const how = random(3);
    let text = whole.slice(0, at);
    if (how === 0) text += whole.slice(at + 1);
    if (how === 1) text += '[]{},:"x1'[random(9)] + whole.slice(at);
    text = Buffer.from(text).toString();
    const attempt = (/** @type {() => any} */ act) => {
      try {
        return JSON.stringify(act());
      } catch {
        return 'refused';
      }
    };
    const expected = attempt(() => JSON.parse(text));
    if (attempt(() => read(text).value) !== expected) t.fail(`broken text ${i}`);
    checked++;
  }
  t.ok(checked > 30, `${checked} broken texts`);
});

t.test('a parse of its own sees every name', async (t) => {
  const refuse = (/** @type {string} */ text) =>
    JSON.parse(text, (name, value) => {
      if (name === '__proto__') throw new Error('refused');
      return value;
    });
  const filler = '"z",'.repeat(20_000);
  t.throws(() => read(`[${filler}{"__proto__":1}]`, refuse), /refused/);
  t.throws(() => read(`[${filler}{"__proto__":[${filler}1]}]`, refuse), /refused/);
  t.ok(read(`[${filler}{"a":[${filler}1]}]`, refuse));
});

t.test('the event loop goes on meanwhile', async (t) => {
  const text = Buffer.from(`[${'{"a":[1]},'.repeat(300_000)}0]`);
  t.ok(isLong(text));
  t.notOk(isLong('[]'));
  let turns = 0;
  let over = false;
  const count = () => {
    turns++;
    if (!over) setImmediate(count);
  };
  count();
  const [value, after] = await Promise.all([
    inTurns((it) => it.read(text)),
    inTurns((it) => it.read(Buffer.from('[1]'))),
  ]);
  over = true;
  t.equal(value.length, 300_001);
  t.same(after, [1]);
  t.ok(turns > 5, `${turns} turns`);
  await t.rejects(
    inTurns((it) => it.read(Buffer.from('[1'))),
    SyntaxError,
  );
  t.same(await inTurns((it) => it.read(Buffer.from('[2]'))), [2], 'one that fails stops none');
});
