// What a guest says costs its host no more than the limits allow, in memory and in time, whatever is in it.
import t from 'tap';
import { handler, run, sandbox } from './helper.js';

const MIB = 1 << 20;

/** A guest that writes frames of its own, faster than any honest one. @param {string} body */
const raw = (body) => `
  import fs from 'node:fs';
  const write = (bytes) => {
    for (let at = 0; at < bytes.length;) {
      try {
        at += fs.writeSync(3, bytes, at);
      } catch (error) {
        if (error.code !== 'EAGAIN') process.reallyExit(0);
      }
    }
  };
  const send = (type, ...parts) => {
    const head = Buffer.alloc(8);
    const all = parts.map((part) => Buffer.from(part));
    head.writeUInt32LE(all.reduce((sum, { length }) => sum + length, 0), 0);
    head[4] = 1;
    head[5] = type;
    for (const part of [head, ...all]) write(part);
  };
  const piece = (form, text) => send(24, [form], text);
  const message = (kind, id, ...parts) => {
    const head = Buffer.alloc(5);
    head[0] = kind;
    head.writeUInt32LE(id, 1);
    send(23, head, ...parts);
  };
  const many = (bytes, unit = '{},') => '[' + unit.repeat(bytes / unit.length) + '0]';
  ${handler(`${body}; process.reallyExit(0);`)}`;

t.test('a result of many small values', async (t) => {
  const config = { execution: { maxResultBytes: 4 * MIB } };
  const tooLarge = {
    ok: false,
    error: {
      code: 'RESULT_TOO_LARGE',
      message: /maxResultBytes, 4194304 bytes \(beside the text, a list or an object counts as 64/,
    },
  };
  const cases = [
    ['in one frame', 'send(21, many(3 << 20))'],
    ['lists', `send(21, many(3 << 20, '[],'))`],
    ['names', `send(21, many(3 << 20, '{"a":1},'))`],
    ['in pieces', 'for (;;) piece(0, many(1 << 16))'],
    ['in pieces of one list', 'piece(0, many(1 << 16)); for (;;) piece(1, many(1 << 16))'],
    ['behind pieces', `piece(2, 'x'.repeat(100)); send(21, many(1 << 20))`],
  ];
  const runner = sandbox(t, config);
  for (const [name, body] of cases) t.match(await run(t, raw(body), { runner }), tooLarge, name);
  const advanced = sandbox(t, { ...config, serialization: 'advanced' });
  // 20,000 lists are 3.8 MiB there, and 1.3 MiB in JSON.
  const both = raw(`send(21, many(60_000, '[],'))`);
  t.equal((await run(t, both, { runner })).data.length, 20_001);
  t.match(await run(t, raw(`send(21, many(75_000, '[],'))`), { runner: advanced }), tooLarge);
});

t.test('an honest result over the charge says how it is counted', async (t) => {
  const body = 'return Array.from({ length: 30_000 }, (_, id) => ({ id }));';
  const runner = sandbox(t, { execution: { maxResultBytes: 2 * MIB } });
  t.match((await run(t, handler(body), { runner })).error, {
    code: 'RESULT_TOO_LARGE',
    message: /counts as 64 bytes, a name as 32 and a comma as 16/,
    details: { limit: 2 * MIB },
  });
  const enough = sandbox(t, { execution: { maxResultBytes: 4 * MIB } });
  t.equal((await run(t, handler(body), { runner: enough })).data.length, 30_000);
});

t.test('large values that are no lists come back whole', async (t) => {
  const runner = sandbox(t);
  const body = `
    const object = {};
    for (let i = 0; i < 50_000; i++) object['key ' + i] = { i };
    return input === 'text' ? '\\u20ac'.repeat(1 << 20) : { a: { b: { c: { d: object } } } };`;
  const { data, error } = await run(t, handler(body), { runner });
  t.equal(Object.keys(data?.a.b.c.d ?? {}).length, 50_000, JSON.stringify(error));
  t.same(data.a.b.c.d['key 49999'], { i: 49_999 });
  const text = await run(t, handler(body), { runner, input: 'text' });
  t.equal(text.data, '\u20ac'.repeat(MIB));
  const advanced = sandbox(t, {
    serialization: 'advanced',
    execution: { maxResultBytes: 64 * MIB },
  });
  const again = await run(t, handler(body), { runner: advanced });
  t.equal(Object.keys(again.data?.a.b.c.d ?? {}).length, 50_000, JSON.stringify(again.error));
});

t.test('a text that is no JSON, or too long for one turn', async (t) => {
  const runner = sandbox(t);
  const broken = { ok: false, error: { code: 'PROCESS_CRASHED', message: /cannot be read/ } };
  const cases = [
    `send(21, many(300_000).slice(0, -1))`,
    `piece(0, many(300_000).replace('{}', '{')); send(21, '[0,[[]]]')`,
    `piece(0, '[1]'); send(21, '[0,[[]],' + '1,'.repeat(200_000))`,
  ];
  for (const body of cases) t.match(await run(t, raw(body), { runner }), broken, body);
  const good = raw(`piece(0, many(300_000)); piece(1, '[7]'); send(21, '[0,[[]]]')`);
  const { data } = await run(t, good, { runner });
  t.equal(data.length, 100_002);
  t.equal(data.at(-1), 7);
});

t.test('host calls and chunks of many small values', async (t) => {
  const host = { size: (/** @type {any} */ _call, /** @type {any} */ list) => list.length };
  const config = { host, execution: { maxMessageBytes: MIB, maxResultBytes: 3 * MIB } };
  const runner = sandbox(t, config);
  const limit = {
    ok: false,
    error: { code: 'HOST_LIMIT', message: /maxMessageBytes, 1048576 bytes \(beside the text/ },
  };
  const call = (/** @type {string} */ text) => `message(1, 1, [4], 'size', ${text})`;
  t.match(await run(t, raw(call(`'[' + many(900_000) + ']'`)), { runner }), limit, 'a call');
  t.match(
    await run(t, raw(`message(4, 0); message(5, 0, [0], many(900_000))`), { runner }),
    limit,
    'a chunk',
  );
  // Each of these is allowed, and all of them are not.
  const chunks = `message(4, 0); for (let i = 0; i < 16; i++) message(5, 0, [0], many(30_000))`;
  t.match((await run(t, raw(chunks), { runner })).error, {
    code: 'RESULT_TOO_LARGE',
    message: /maxResultBytes, 3145728 bytes \(beside the text/,
  });
  const several = `for (let i = 1; i < 9; i++) message(1, i, [4], 'size', '[' + many(30_000) + ']')`;
  const slow = sandbox(t, { ...config, host: { size: () => new Promise(() => {}) } });
  t.match((await run(t, raw(several), { runner: slow })).error, {
    code: 'HOST_LIMIT',
    message: /of arguments at a time/,
  });
});

t.test('an honest guest is told before it sends too much', async (t) => {
  const host = { size: (/** @type {any} */ _call, /** @type {any} */ list) => list.length };
  const runner = sandbox(t, { host, execution: { maxMessageBytes: MIB } });
  const body = `
    const sizes = [];
    for (const length of [10_000, 100_000]) {
      try {
        sizes.push(await ctx.host.size(Array.from({ length }, () => [])));
      } catch (error) {
        sizes.push(error.code, error.message);
      }
    }
    return sizes;`;
  const { data } = await run(t, handler(body), { runner });
  t.match(data, [10_000, 'MESSAGE_TOO_LARGE', /30000\d bytes, which count as 830\d{4} with/]);
});

t.test('arguments and chunks that are long, in order', async (t) => {
  /** @type {any[]} */
  const got = [];
  const host = {
    put: (/** @type {any} */ _call, /** @type {any} */ value) => {
      got.push(value.length ?? Object.keys(value).length);
      return got.length;
    },
  };
  const runner = sandbox(t, { host, execution: { maxMessageBytes: 32 * MIB } });
  const body = `
    const list = Array.from({ length: 40_000 }, (_, i) => ({ i }));
    await ctx.host.put(list);
    try {
      await ctx.host.call('put', JSON.parse('{"a":[' + '{"b":"cccccc"},'.repeat(20_000) + '{"__proto__":1}]}'));
    } catch (error) {
      await ctx.host.put(error.message);
    }
    return (async function* () {
      yield 1;
      yield list;
      yield 2;
      yield 'x'.repeat(300_000);
      yield Buffer.from('bytes');
    })();`;
  const { data, error } = await run(t, handler(body), { runner });
  t.match(got, [40_000, /\d+/], JSON.stringify(error));
  t.same(
    data.map((/** @type {any} */ chunk) => chunk.length ?? chunk),
    [1, 40_000, 2, 300_000, 5],
  );
  t.same(data[1][39_999], { i: 39_999 });
});

t.test('a guest that is refused functions', async (t) => {
  const host = { f: { call: () => 1, capability: 'x' } };
  const runner = sandbox(t, { host });
  const flood = `
    const answers = Buffer.alloc(1 << 16);
    for (let i = 1; i < 20_000; i++) {
      message(1, i, [1], 'f', '[]');
      fs.readSync(3, answers);
    }`;
  const { error, metrics } = await run(t, raw(flood), { runner });
  t.match(error, { code: 'HOST_LIMIT', message: /10000 calls were refused/ });
  t.match(metrics.host, [{ name: 'f', calls: 0, errors: 0, denied: 10_001 }]);
});
