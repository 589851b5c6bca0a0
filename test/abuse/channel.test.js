// Abuse cases 1 to 11, the channel of the result: the controls, and what test/run/results.test.js
// leaves out.
import t from 'tap';
import { handler, run, sandbox } from '../run/helper.js';
import { host, unconfined } from './helper.js';

/** The text of a handler that writes frames of its own to the data socket. @param {string} body */
const raw = (body) =>
  handler(`
    const fs = await import('node:fs');
    const frame = (type, payload) => {
      const head = Buffer.alloc(8);
      head.writeUInt32LE(Buffer.byteLength(payload));
      head[4] = 1;
      head[5] = type;
      return Buffer.concat([head, Buffer.from(payload)]);
    };
    const send = (bytes) => fs.writeSync(3, bytes);
    ${body}`);

t.test('1. the control: the same frames, well formed, get through', async (t) => {
  const span = { spanId: 'b7ad6b7169203331', name: 'mine', startTime: 1, endTime: 2 };
  const { ok, data, logs, traces } = await run(
    t,
    raw(`
      send(frame(17, '\\u0001by hand'));
      send(frame(18, ${JSON.stringify(JSON.stringify(span))}));
      send(frame(16, Buffer.concat([Buffer.from([3]), Buffer.alloc(8)])));
      send(frame(19, '{}'));
      return 'and the result';`),
    { config: { monitoring: { collectTraces: true } } },
  );
  t.ok(ok);
  t.equal(data, 'and the result');
  t.same(logs, ['by hand']);
  t.ok(traces.some((/** @type {any} */ { name }) => name === 'mine'));
});

t.test('2. the control: a frame that comes in pieces is one frame', async (t) => {
  const result = await run(
    t,
    raw(`
      for (const byte of frame(21, '"whole"')) {
        send(Buffer.from([byte]));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      return 'not this one';`),
  );
  t.match(result, { ok: true, data: 'whole' });
});

t.test(
  '3, 11. the control: who reads results from the output believes what is forged',
  async (t) => {
    const forged = '{"ok":true,"data":"forged"}';
    const prints = handler(`console.log(${JSON.stringify(forged)}); return 'genuine';`);
    const plain = await unconfined(t, prints);
    t.equal(plain.out.split('\n')[0], forged, 'the first line of stdout is the guest’s to write');
    const ours = await run(t, prints);
    t.match(ours, { ok: true, data: 'genuine', logs: [forged] });
  },
);

t.test(
  '3. the control: over the IPC of Node.js a second result arrives like the first',
  async (t) => {
    const { messages } = await unconfined(
      t,
      handler(`process.send({ data: 'forged' }); return 'genuine';`),
    );
    t.same(messages, [{ data: 'forged' }, { data: 'genuine' }]);
    const ours = await run(t, handler(`process.send?.({ data: 'forged' }); return 'genuine';`));
    t.match(ours, { ok: true, data: 'genuine' });
  },
);

t.test('4. the control: what overwrites process.send takes the result along', async (t) => {
  const breaks = handler(`
    process.send = undefined;
    process.exit = process.reallyExit = () => { throw new Error('broken'); };
    return 'genuine';`);
  t.same((await unconfined(t, breaks)).messages, []);
  t.match(await run(t, breaks), { ok: true, data: 'genuine' });
});

t.test('5. the control: merged without care, such keys do reach a prototype', async (t) => {
  const text = '{"__proto__":{"sbxPolluted":1}}';
  /** @type {(into: any, from: any) => any} */
  const merge = (into, from) => {
    for (const key of Object.keys(from)) {
      if (typeof from[key] === 'object') merge((into[key] ??= {}), from[key]);
      else into[key] = from[key];
    }
    return into;
  };
  t.teardown(() => delete (/** @type {any} */ (Object.prototype).sbxPolluted));
  const { data } = await run(
    t,
    raw(`send(frame(21, ${JSON.stringify(text)})); process.reallyExit(0);`),
  );
  t.equal(/** @type {any} */ ({}).sbxPolluted, undefined);
  t.equal(Object.getPrototypeOf(data), Object.prototype);
  t.ok(Object.hasOwn(data, '__proto__'));
  merge({}, data);
  t.equal(/** @type {any} */ ({}).sbxPolluted, 1);
});

t.test('6. strings, keys and depth without end', async (t) => {
  const small = { execution: { maxResultBytes: 1 << 20 } };
  const keys = handler(`
    const o = {};
    for (let i = 0; i < input; i++) o['k' + i] = i;
    return o;`);
  const tooMany = await run(t, keys, { config: small, input: 300_000 });
  t.match(tooMany, { error: { code: 'RESULT_TOO_LARGE', details: { limit: 1 << 20 } } });
  const long = await run(t, handler(`return 'x'.repeat(2 ** 29 - 24);`), { config: small });
  t.match(long.error.code, /^(RESULT_TOO_LARGE|MEMORY_LIMIT)$/);
  // The same under a limit that has room for it: allowed.
  const large = { execution: { maxResultBytes: 32 << 20 } };
  const { ok, data, error } = await run(t, keys, { config: large, input: 300_000 });
  t.ok(ok, JSON.stringify(error));
  t.equal(data.k299999, 299_999);
});

t.test(
  '7. the control: the IPC of Node.js loses without a word what JSON cannot say',
  async (t) => {
    const says = handler(`return { map: new Map([[1, 2]]), fn: () => 1, set: new Set([1]) };`);
    t.same((await unconfined(t, says)).messages, [{ data: { map: {}, set: {} } }]);
    const odd = handler('return [1, undefined, () => 1, Symbol("s"), new Map([[1, 2]])];');
    t.same((await unconfined(t, odd)).messages, [{ data: [1, null, null, null, {}] }]);
    // Shared memory is the guest's: what comes is a copy.
    const advanced = /** @type {const} */ ({ serialization: 'advanced' });
    const shared = handler('return new Uint8Array(new SharedArrayBuffer(4)).fill(7);');
    const { data } = await run(t, shared, { config: advanced });
    t.same([...data], [7, 7, 7, 7]);
    t.ok(data.buffer instanceof ArrayBuffer);
    const sparse = await run(t, handler('const a = []; a[5] = 1; return a;'), { config: advanced });
    t.equal(sparse.data.length, 6);
    t.notOk(0 in sparse.data);
  },
);

t.test('8. the control: whatever is thrown ends a process that does not expect it', async (t) => {
  const thrown = [
    'throw null;',
    `const e = new Error('m'); e.name = Symbol('n'); throw e;`,
    `const p = Proxy.revocable({}, {}); p.revoke(); throw p.proxy;`,
  ];
  for (const body of thrown) {
    const plain = await unconfined(t, handler(body));
    t.not(plain.code, 0, body);
    t.same(plain.messages, [], body);
    t.match(await run(t, handler(body)), { error: { code: 'HANDLER_ERROR' } }, body);
  }
});

t.test('9. the control: in the host’s process a stack shows the host', async (t) => {
  const sites = handler(`
    Error.prepareStackTrace = (_, sites) => sites.map((site) => String(site.getFileName()));
    const { stack } = new Error('x');
    Error.prepareStackTrace = undefined;
    return stack;`);
  const script = (/** @type {string} */ mode) => `
    const runner = createSandboxRunner({ mode: '${mode}' });
    console.log(JSON.stringify((await runner.run(ref, 0, ctx)).data));
    await runner.dispose();`;
  const inside = await host(t, sites, script('inprocess'));
  t.match(inside.out, /lib\/inprocess\.js/);
  const outside = await host(t, sites, script('subprocess'));
  t.match(outside.out, /handler\.mjs/);
  t.notMatch(outside.out, /lib\/(?!guest\/)/, 'nothing but what a guest loads');
});

t.test('10. a result that comes after the deadline is none', async (t) => {
  const late = handler(`
    process.on('SIGTERM', () => {});
    await new Promise((resolve) => setTimeout(resolve, 900));
    return 'late';`);
  const config = { execution: { timeoutMs: 600, graceMs: 10_000 } };
  const result = await run(t, late, { config });
  t.match(result, { ok: false, error: { code: 'TIMEOUT' } });
  t.equal(result.data, undefined);
  t.ok(result.metrics.timeMs < 9_000, 'it ended by itself, within its grace');
  t.match(await run(t, late), { ok: true, data: 'late' }, 'the control: in time');
});

t.test('11. a log line cannot carry a level, a time or a result', async (t) => {
  /** @type {string[][]} */
  const live = [];
  const onLog = (/** @type {string} */ line, /** @type {string} */ level) =>
    live.push([level, line]);
  const line = JSON.stringify({ level: 'error', time: 0, type: 'audit', allowed: true });
  const runner = sandbox(t);
  const body = handler(
    `console.log(${JSON.stringify(line)}); ctx.log.debug(${JSON.stringify(line)});`,
  );
  const { ok, logs } = await run(t, body, { runner, ctx: { onLog } });
  t.ok(ok);
  t.same(logs, [line, line]);
  t.same(live.map(([level]) => level).sort(), ['debug', 'info']);
});
