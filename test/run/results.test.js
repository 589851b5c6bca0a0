// What a hostile guest may send, print and throw: PEERS' abuse cases 1 to 11.
import t from 'tap';
import { handler, run, sandbox } from './helper.js';

/** The text of a handler that writes raw bytes to the data socket. @param {string} body */
const raw = (body) =>
  handler(`
    const fs = process.getBuiltinModule?.('node:fs') ?? (await import('node:fs'));
    const frame = (type, payload, length = payload.length) => {
      const head = Buffer.alloc(8);
      head.writeUInt32LE(length >>> 0, 0);
      head[4] = 1;
      head[5] = type;
      return Buffer.concat([head, Buffer.from(payload)]);
    };
    const send = (bytes) => fs.writeSync(3, bytes);
    ${body}`);

const forever = 'await new Promise((resolve) => setTimeout(resolve, 60_000));';

t.test('1. malformed frames end the run and nothing else', async (t) => {
  const runner = sandbox(t);
  /** @type {Record<string, string>} */
  const attacks = {
    'a length of -1': `send(frame(18, '', -1)); ${forever}`,
    'a length over the limit of its type': `send(frame(19, '', 5000)); ${forever}`,
    'an unknown version': `const f = frame(18, '{}'); f[4] = 9; send(f); ${forever}`,
    'an unknown type': `send(frame(99, '{}')); ${forever}`,
    'a type of the host': `send(frame(1, '{}')); ${forever}`,
    'a mark of nothing': `send(frame(16, Buffer.alloc(9))); ${forever}`,
    noise: `send(Buffer.alloc(65536, 0x5a)); ${forever}`,
  };
  for (const [name, body] of Object.entries(attacks)) {
    const { ok, error } = await run(t, raw(body), { runner });
    t.notOk(ok, name);
    t.equal(error.code, 'PROCESS_CRASHED', name);
    t.match(error.message, /protocol/i, name);
  }
  t.match(await run(t, handler('return input + 1'), { runner, input: 1 }), { ok: true, data: 2 });
});

t.test('1. an announced length is not allocated', async (t) => {
  const runner = sandbox(t, { execution: { maxResultBytes: 2 ** 30, timeoutMs: 1500 } });
  await run(t, handler(''), { runner });
  const before = process.memoryUsage.rss();
  const results = await Promise.all(
    Array.from({ length: 4 }, () =>
      run(t, raw(`send(frame(21, 'x', 2 ** 30)); ${forever}`), { runner }),
    ),
  );
  for (const { error } of results) t.equal(error.code, 'TIMEOUT');
  t.ok(process.memoryUsage.rss() - before < 64 * 2 ** 20);
});

t.test('2. a frame that never ends', async (t) => {
  const exits = await run(t, raw(`send(frame(21, '"abc', 100)); process.exit(0);`));
  t.match(exits, { ok: false, error: { code: 'HANDLER_EXIT' } });
  const config = { execution: { timeoutMs: 700 } };
  const hangs = await run(t, raw(`send(frame(21, '"abc', 100)); ${forever}`), { config });
  t.match(hangs, { ok: false, error: { code: 'TIMEOUT' } });
});

t.test('3. nothing that is printed is a result, and the first result wins', async (t) => {
  const printed = await run(
    t,
    raw(`
    console.log(JSON.stringify({ ok: true, data: 'forged' }));
    process.stdout.write(frame(21, '"forged"'));
    process.stderr.write(frame(20, '{"code":"TIMEOUT"}'));
    return 'genuine';`),
  );
  t.match(printed, { ok: true, data: 'genuine' });
  const twice = await run(
    t,
    raw(`
    send(Buffer.concat([frame(21, '"first"'), frame(21, '"second"'), frame(20, '{}')]));
    return 'third';`),
  );
  t.match(twice, { ok: true, data: 'first' });
});

t.test('3. a code of the host cannot be forged', async (t) => {
  for (const code of [
    'TIMEOUT',
    'ABORTED',
    'DISPOSED',
    'QUEUE_FULL',
    'VALIDATION_ERROR',
    'CPU_LIMIT',
    'x',
    7,
    null,
  ]) {
    const forged = JSON.stringify({ code, name: 'Error', message: 'forged' });
    const { ok, error } = await run(
      t,
      raw(`send(frame(20, ${JSON.stringify(forged)})); process.reallyExit(0);`),
    );
    t.notOk(ok);
    t.equal(error.code, 'HANDLER_ERROR', String(code));
  }
  for (const text of [
    '',
    'null',
    '[]',
    '{',
    '{"message":{"a":1},"stack":[],"name":9,"details":3}',
    '\\xff',
  ]) {
    const { ok, error } = await run(
      t,
      raw(`send(frame(20, ${JSON.stringify(text)})); process.reallyExit(0);`),
    );
    t.notOk(ok);
    t.match(error.code, /^(HANDLER_ERROR|PROCESS_CRASHED)$/, text);
    t.type(error.message, 'string');
  }
});

t.test('4. a guest that breaks its own primordials still gives its result', async (t) => {
  const result = await run(
    t,
    handler(`
    const fs = (await import('node:fs')).default;
    fs.writeSync = fs.write = () => { throw new Error('broken'); };
    process.exit = process.reallyExit = process.send = undefined;
    JSON.stringify = () => 'forged';
    Buffer.from = Buffer.alloc = Buffer.concat = () => { throw new Error('broken'); };
    Promise.prototype.then = function () { throw new Error('broken'); };
    globalThis.process = undefined;
    return { genuine: true };`),
  );
  t.match(result, { ok: true, data: { genuine: true } });
});

t.test('5. no key of a result reaches a prototype of the host', async (t) => {
  const text = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
  const json = await run(
    t,
    raw(`send(frame(21, ${JSON.stringify(text)})); process.reallyExit(0);`),
  );
  t.equal(json.ok, true);
  const config = /** @type {const} */ ({ serialization: 'advanced' });
  const advanced = [
    '[{"__proto__":1},{"polluted":2},1]',
    '[["Object","__proto__"],1]',
    '[["null","__proto__",1],{"polluted":2},1]',
    '[["Map",1,2],"__proto__",{"polluted":3},1]',
  ];
  for (const payload of advanced) {
    await run(t, raw(`send(frame(21, ${JSON.stringify(payload)})); process.reallyExit(0);`), {
      config,
    });
    t.equal(/** @type {any} */ ({}).polluted, undefined, payload);
  }
  const error = await run(
    t,
    raw(`send(frame(20,
    '{"code":"HANDLER_ERROR","message":"m","details":{"__proto__":{"polluted":1}}}')); process.reallyExit(0);`),
  );
  t.equal(error.error.code, 'HANDLER_ERROR');
  t.equal(/** @type {any} */ ({}).polluted, undefined);
});

t.test('6. huge results', async (t) => {
  const config = { execution: { maxResultBytes: 1 << 20 } };
  t.match(await run(t, handler(`return 'x'.repeat(2 ** 21)`), { config }), {
    ok: false,
    error: { code: 'RESULT_TOO_LARGE', details: { limit: 1 << 20 } },
  });
  // Past the guest's own check.
  t.match(await run(t, raw(`send(frame(21, '', 2 ** 21)); ${forever}`), { config }), {
    ok: false,
    error: { code: 'RESULT_TOO_LARGE' },
  });
  t.match(await run(t, handler(`return 'x'.repeat(2 ** 20 - 2)`), { config }), { ok: true });
  // Since V8 14 JSON.stringify() needs no stack for it.
  const deep = await run(
    t,
    handler(`let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a;`),
  );
  let depth = 0;
  for (let a = deep.data; a?.length; a = a[0]) depth++;
  const whole = Number(process.versions.v8.split('.')[0]) >= 14;
  t.match(
    { code: deep.error?.code, depth },
    whole ? { code: undefined, depth: 1e5 } : { code: 'RESULT_NOT_SERIALIZABLE', depth: 0 },
  );
  const text = `'['.repeat(200000) + ']'.repeat(200000)`;
  const deepRaw = await run(t, raw(`send(frame(21, ${text})); process.reallyExit(0);`));
  t.type(deepRaw.ok, 'boolean', 'a nested document is parsed or refused, and the host lives');
});

t.test('7. results that cannot be sent', async (t) => {
  const bad = [
    `const a = {}; a.a = a; return a;`,
    `return 1n;`,
    `return () => 1;`,
    `return Symbol('s');`,
    `return { toJSON() { throw new Error('no'); } };`,
    `return { get a() { throw new Error('no'); } };`,
    `return new Proxy({}, { ownKeys() { throw null; } });`,
  ];
  for (const body of bad)
    t.match(
      await run(t, handler(body)),
      { ok: false, error: { code: 'RESULT_NOT_SERIALIZABLE' } },
      body,
    );
  const { data } = await run(t, handler('return [1, , new Date(0), undefined, NaN];'));
  t.same(data, [1, null, '1970-01-01T00:00:00.000Z', null, null]);
  t.match(await run(t, handler('')), { ok: true, data: undefined });
});

t.test('7. what JSON cannot say, advanced can', async (t) => {
  const config = /** @type {const} */ ({ serialization: 'advanced' });
  const { ok, data } = await run(
    t,
    handler(`
    const cycle = { list: [1n, new Date(0), new Map([[1, new Set([2])]]), new Uint8Array([1, 2]), undefined, NaN, -0] };
    cycle.self = cycle;
    return cycle;`),
    { config },
  );
  t.equal(ok, true);
  t.equal(data.self, data);
  t.same(data.list, [
    1n,
    new Date(0),
    new Map([[1, new Set([2])]]),
    new Uint8Array([1, 2]),
    undefined,
    NaN,
    -0,
  ]);
  const { data: echo } = await run(t, handler('return input;'), {
    config,
    input: new Map([['a', 1n]]),
  });
  t.same(echo, new Map([['a', 1n]]));
  t.match(await run(t, handler('return () => 1;'), { config }), {
    error: { code: 'RESULT_NOT_SERIALIZABLE' },
  });
});

t.test('8. whatever is thrown becomes an error', async (t) => {
  const thrown = {
    null: 'throw null;',
    undefined: 'throw undefined;',
    'a string': `throw 'text';`,
    'a symbol': `throw Symbol('s');`,
    'a proxy': `throw new Proxy({}, { get() { throw new Error('trap'); }, getPrototypeOf() { throw 1; } });`,
    'getters that throw': `throw { get name() { throw 1; }, get message() { throw 2; }, get stack() { throw 3; }, get code() { throw 4; } };`,
    'a symbol for a name': `const e = new Error('m'); e.name = Symbol('n'); throw e;`,
    'objects for texts': `const e = new Error('m'); e.message = { toString() { throw 1; } }; e.stack = []; throw e;`,
    'a huge message': `throw new Error('x'.repeat(1e7));`,
    'a revoked proxy': `const p = Proxy.revocable({}, {}); p.revoke(); throw p.proxy;`,
  };
  for (const [name, body] of Object.entries(thrown)) {
    const { ok, error } = await run(t, handler(body));
    t.notOk(ok, name);
    t.equal(error.code, 'HANDLER_ERROR', name);
    t.type(error.message, 'string', name);
    t.ok(error.message.length < 1e6, name);
  }
  const { error } = await run(
    t,
    handler(`throw Object.assign(new TypeError('m'), { code: 'E_OWN' });`),
  );
  t.match(error, {
    code: 'HANDLER_ERROR',
    name: 'TypeError',
    message: 'm',
    stack: /handler\.mjs/,
    details: { code: 'E_OWN' },
  });
});

t.test('9. Error.prepareStackTrace sees nothing of the host', async (t) => {
  const { data } = await run(
    t,
    handler(`
    Error.prepareStackTrace = (_, sites) => sites.map((s) => String(s.getFileName()));
    return new Error('x').stack;`),
  );
  t.ok(Array.isArray(data));
  t.notOk(data.some((/** @type {string} */ name) => name.includes('subprocess.js')));
  const { error } = await run(
    t,
    handler(`Error.prepareStackTrace = () => { throw new Error('x'); }; throw new Error('y');`),
  );
  t.equal(error.code, 'HANDLER_ERROR');
});

t.test('10. thenables', async (t) => {
  const config = { execution: { timeoutMs: 700 } };
  const never = await run(t, handler(`setInterval(() => {}, 1000); return { then() {} };`), {
    config,
  });
  t.match(never, { ok: false, error: { code: 'TIMEOUT' } });
  t.match(await run(t, handler('return { then(f) { f(1); f(2); throw 3; } };')), {
    ok: true,
    data: 1,
  });
  t.match(await run(t, handler('return { then() { throw new Error("t"); } };')), {
    ok: false,
    error: { code: 'HANDLER_ERROR', message: 't' },
  });
});

t.test('11. a line that looks like control is a line', async (t) => {
  const forged = JSON.stringify({ type: 'exit', ok: true, level: 'error', code: 'TIMEOUT' });
  const { data, logs } = await run(
    t,
    handler(`console.error(${JSON.stringify(forged)}); return 1;`),
  );
  t.equal(data, 1);
  t.same(logs, [forged]);
});
