// Inputs and results that are large enough to travel in pieces.
import t from 'tap';
import charge from '../../lib/guest/charge.cjs';
import { handler, project, run, sandbox } from './helper.js';

const rows = Array.from({ length: 20_000 }, (_, id) => ({ id, name: `row ${id}`, tags: ['é'] }));
const echo = handler('return input;');

t.test('what comes back is what went', async (t) => {
  const runner = sandbox(t);
  const values = {
    rows,
    'rows among other things': { a: 1, rows, text: 'x'.repeat(1 << 20), last: { rows } },
    'a text': 'y'.repeat(3 << 20),
    'a wide text': '\u{1f600}\ud800'.repeat(1 << 18),
    'what JSON changes': [...rows, undefined, NaN, new Date(0), () => 1],
    'large items': Array.from({ length: 2100 }, (_, i) => 'z'.repeat(i % 7 ? i : 20_000)),
  };
  for (const [name, input] of Object.entries(values)) {
    const { ok, data, error } = await run(t, echo, { input, runner });
    t.ok(ok, `${name}: ${JSON.stringify(error)}`);
    t.equal(JSON.stringify(data), JSON.stringify(input), name);
  }
});

t.test('a handler sees an ordinary value', async (t) => {
  const body = `return [Array.isArray(input.rows), input.rows.length, Object.keys(input), input.rows[19999],
    Object.getPrototypeOf(input) === Object.prototype];`;
  const { data } = await run(t, handler(body), { input: { a: 1, rows, z: null } });
  t.same(data, [true, 20_000, ['a', 'rows', 'z'], rows[19_999], true]);
});

t.test('the input is what it was when run() was called', async (t) => {
  const body = 'return [input.list.length, input.list[0], input.list.at(-1), input.n];';
  const config = { execution: { concurrency: 1 } };
  const runner = sandbox(t, config);
  const workdir = project(t, handler(body));
  const results = [];
  for (let i = 0; i < 3; i++) {
    const input = { list: Array(50_000).fill(i), n: i };
    // The first starts at once, the others wait.
    results.push(
      runner.run({ file: './handler.mjs', export: 'handle' }, input, { requestId: 'x', workdir }),
    );
    input.list.fill(9);
    input.list.length = 3;
    input.n = 9;
  }
  const all = await Promise.all(results);
  t.same(
    all.map(({ data }) => data),
    [0, 1, 2].map((i) => [50_000, i, i, i]),
  );
});

t.test('an input that cannot be written to its end', async (t) => {
  const runner = sandbox(t, { execution: { concurrency: 1 } });
  const workdir = project(t, echo);
  const start = (/** @type {unknown} */ input) =>
    runner.run({ file: './handler.mjs', export: 'handle' }, input, { requestId: 'x', workdir });
  const cyclic = /** @type {any[]} */ ([...rows]);
  cyclic.push(cyclic);
  // Whether it has a place at once or waits for one.
  const results = await Promise.all([
    start([...rows, 1n]),
    start(cyclic),
    start({ rows: [...rows, 1n] }),
  ]);
  for (const { ok, error } of results) {
    t.equal(ok, false);
    t.equal(error?.code, 'VALIDATION_ERROR');
    t.match(error?.message, /cannot be serialized as 'json': .*(BigInt|circular)/s);
  }
  t.same((await start([1])).data, [1], 'the runner goes on');
});

t.test('a result that cannot be written to its end', async (t) => {
  const body = `const rows = Array.from({ length: 50_000 }, (_, id) => ({ id }));
    if (input === 'cycle') rows.push(rows);
    else if (input === 'throws') rows.push({ get x() { throw new Error('no x'); } });
    else rows.push(1n);
    return rows;`;
  const runner = sandbox(t);
  for (const [input, message] of Object.entries({
    cycle: /circular/,
    throws: /no x/,
    bigint: /BigInt/,
  })) {
    const { error } = await run(t, handler(body), { input, runner });
    t.match(error, { code: 'RESULT_NOT_SERIALIZABLE', message }, input);
  }
});

t.test('maxResultBytes is about the text of the whole', async (t) => {
  const body = `return { n: 1, rows: Array.from({ length: 30_000 }, (_, id) => ({ id, s: 'é' })),
    text: 'x'.repeat(200_000) };`;
  const { data } = await run(t, handler(body));
  const text = JSON.stringify(data);
  const size = Buffer.byteLength(text);
  const cost = charge.chargeOf(text, size);
  const limited = (/** @type {number} */ maxResultBytes) =>
    run(t, handler(body), { config: { execution: { maxResultBytes } } });
  t.ok((await limited(cost)).ok, 'as large as allowed');
  const limit = cost - 1000;
  t.match((await limited(limit)).error, {
    code: 'RESULT_TOO_LARGE',
    message: /execution\.maxResultBytes, \d+ bytes \(.*an object counts as 64 bytes/,
    details: { limit },
  });
  t.match((await limited(1000)).error, {
    code: 'RESULT_TOO_LARGE',
    details: { limit: 1000, bytes: size },
  });
});

t.test('guests that send pieces by themselves', async (t) => {
  const raw = (/** @type {string} */ body) => `
    import fs from 'node:fs';
    const send = (type, bytes) => {
      const head = Buffer.alloc(8);
      head.writeUInt32LE(bytes.length, 0);
      head[4] = 1;
      head[5] = type;
      for (const part of [head, Buffer.from(bytes)])
        for (let at = 0; at < part.length;) at += fs.writeSync(3, part, at);
    };
    const piece = (form, text) => send(24, Buffer.concat([Buffer.from([form]), Buffer.from(text)]));
    ${handler(`${body}; process.reallyExit(0);`)}`;
  const config = { execution: { maxResultBytes: 1 << 20, timeoutMs: 20_000 } };
  const runner = sandbox(t, { ...config });
  const go = (/** @type {string} */ body) => run(t, raw(body), { runner });
  const unreadable = { ok: false, error: { code: 'PROCESS_CRASHED', message: /cannot be read/ } };
  const broken = { ok: false, error: { code: 'PROCESS_CRASHED', message: /broke the protocol/ } };
  const tooLarge = { ok: false, error: { code: 'RESULT_TOO_LARGE' } };
  /** @type {[name: string, body: string, expected: object][]} */
  const cases = [
    [
      'an honest one',
      `piece(0, '[1]'); piece(1, '[2]'); send(21, '[{"a":0},[["a"]]]')`,
      { ok: true, data: { a: [1, 2] } },
    ],
    ['no JSON', `piece(0, '[1'); send(21, '[0,[[]]]')`, unreadable],
    ['no end', `piece(0, '[1]')`, { ok: false, error: { code: 'HANDLER_EXIT' } }],
    [
      'an error behind it',
      `piece(0, '[1]'); send(20, '{"message":"x"}')`,
      { ok: false, error: { code: 'HANDLER_ERROR' } },
    ],
    ['other places', `piece(0, '[1]'); send(21, '1')`, unreadable],
    [
      'a place of the prototype',
      `piece(2, 'xxx'); send(21, '[{},[["__proto__","polluted"]]]')`,
      unreadable,
    ],
    [
      'places without an end',
      `piece(2, 'xxx'); send(21, Buffer.alloc((1 << 20) + (65 << 10), ' '))`,
      tooLarge,
    ],
    ['no form', `piece(3, 'x')`, broken],
    ['too short', `piece(0, '[')`, broken],
    ['one that is too large', `piece(2, Buffer.alloc((1 << 20) + 10, 'x'))`, tooLarge],
    [
      'too large together',
      `for (let i = 0; i < 3; i++) piece(2, Buffer.alloc(400_000, 'x'))`,
      tooLarge,
    ],
    ['too many', `for (let i = 0; i < 1025; i++) piece(2, 'xx')`, tooLarge],
    ['for ever', `for (;;) piece(2, 'x'.repeat(5000))`, tooLarge],
    [
      'behind the result',
      `send(21, '7'); for (let i = 0; i < 5; i++) piece(2, 'x'.repeat(5000))`,
      { ok: true, data: 7 },
    ],
    ['deep', `piece(0, '['.repeat(15_000)); send(21, '[0,[[]]]')`, unreadable],
    ['deeper than is paid for', `piece(0, '['.repeat(900_000)); send(21, '[0,[[]]]')`, tooLarge],
  ];
  for (const [name, body, expected] of cases) t.match(await go(body), expected, name);
  t.equal(/** @type {any} */ ({}).polluted, undefined);
  const advanced = sandbox(t, { ...config, serialization: 'advanced' });
  t.match(
    await run(t, raw(`piece(2, 'xx'); send(21, '[7]')`), { runner: advanced }),
    broken,
    'advanced',
  );
});

t.test('runs that end before they have read their input', async (t) => {
  const runner = sandbox(t);
  const input = { rows, text: 'x'.repeat(32 << 20) };
  const gone = await run(t, echo, { runner, input, file: './nothing.mjs' });
  t.equal(gone.error.code, 'HANDLER_NOT_FOUND');
  const controller = new AbortController();
  const pending = run(t, echo, { runner, input, ctx: { signal: controller.signal } });
  controller.abort();
  t.equal((await pending).error.code, 'ABORTED');
  t.match(await run(t, handler('return 1;'), { runner, input: 1 }), { data: 1 }, 'it goes on');
});
