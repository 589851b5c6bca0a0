// In-process mode: the same results without a process.
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { handler, run, sandbox, until } from './run/helper.js';

const config = /** @type {const} */ ({ mode: 'inprocess' });

t.test('results and errors look as in a subprocess', async (t) => {
  const cases = [
    'return { a: [input, undefined, new Date(0)] };',
    'return undefined;',
    `throw Object.assign(new TypeError('m'), { code: 'E' });`,
    'throw null;',
    'return 1n;',
    'return () => 1;',
    `return 'x'.repeat(2000);`,
  ];
  for (const body of cases) {
    const execution = { maxResultBytes: 1000 };
    const results = [];
    for (const mode of /** @type {const} */ (['inprocess', 'subprocess'])) {
      const { ok, data, error } = await run(t, handler(body), {
        config: { mode, execution },
        input: { i: 1 },
      });
      results.push({
        ok,
        data,
        code: error?.code,
        name: error?.code === 'HANDLER_ERROR' ? error.name : undefined,
      });
    }
    t.same(results[0], results[1], body);
  }
  t.match(await run(t, 'export const a = 1;', { config }), {
    ok: false,
    error: { code: 'HANDLER_NOT_FOUND' },
  });
  t.match(await run(t, 'export const handle = (;', { config }), {
    ok: false,
    error: { code: 'HANDLER_ERROR', details: { phase: 'load' } },
  });
});

t.test('the handler gets copies', async (t) => {
  const input = { list: [1] };
  const ctx = { nested: { list: [1] } };
  const { data } = await run(
    t,
    handler('input.list.push(2); ctx.nested.list.push(2); return [input, ctx.nested];'),
    { config, input, ctx },
  );
  t.same(data, [{ list: [1, 2] }, { list: [1, 2] }]);
  t.same([input, ctx], [{ list: [1] }, { nested: { list: [1] } }]);
});

t.test('logs of runs at the same time are told apart, and the console is given back', async (t) => {
  const { write } = process.stdout;
  const runner = sandbox(t, config);
  const body = handler(`
    for (let i = 0; i < 20; i++) { console.log(input + ' ' + i); await new Promise((r) => setTimeout(r, 1)); }
    process.stdout.write('no newline ');
    process.stderr.write('at the end');
    ctx.log.warn('warned', { a: 1 });
    return 1;`);
  /** @type {string[]} */
  const live = [];
  const onLog = (/** @type {string} */ line, /** @type {string} */ level) =>
    live.push(`${level} ${line}`);
  const [a, b] = await Promise.all([
    run(t, body, { runner, input: 'a', ctx: { onLog } }),
    run(t, body, { runner, input: 'b' }),
  ]);
  const expected = (/** @type {string} */ name) => [
    ...Array.from({ length: 20 }, (_, i) => `${name} ${i}`),
    'warned {"a":1}',
    'no newline ',
    'at the end',
  ];
  t.same(a.logs, expected('a'));
  t.same(b.logs, expected('b'));
  t.equal(live.length, 23);
  t.equal(live[20], 'warn warned {"a":1}');
  t.equal(process.stdout.write, write);
});

t.test('the oldest lines are dropped', async (t) => {
  const { logs, logsDropped } = await run(
    t,
    handler(`for (let i = 0; i < 5000; i++) console.log('line ' + i);`),
    { config: { ...config, monitoring: { logBufferSizeMb: 0.01 } } },
  );
  t.equal(logs.at(-1), 'line 4999');
  t.equal(logs.length + logsDropped, 5000);
});

t.test('deadline, abort, dispose', async (t) => {
  const slow = handler(
    'await new Promise((resolve) => { const timer = setInterval(() => {}, 1000); ctx.signal.addEventListener("abort", () => { clearInterval(timer); resolve(); }); });',
  );
  t.match(await run(t, slow, { config: { ...config, execution: { timeoutMs: 50 } } }), {
    ok: false,
    error: { code: 'TIMEOUT', details: { timeoutMs: 50 } },
  });
  t.match(await run(t, slow, { config, ctx: { signal: AbortSignal.timeout(50) } }), {
    ok: false,
    error: { code: 'ABORTED' },
  });
  const runner = sandbox(t, config);
  const pending = run(t, slow, { runner });
  await new Promise((resolve) => setTimeout(resolve, 50));
  await runner.dispose();
  t.match(await pending, { ok: false, error: { code: 'DISPOSED' } });
});

t.test('a handler whose time is over while it loads is not called', async (t) => {
  const called = () => /** @type {any} */ (globalThis).sbxTestCalled;
  t.teardown(() => delete (/** @type {any} */ (globalThis).sbxTestCalled));
  const text = `
    await new Promise((resolve) => setTimeout(resolve, 200));
    globalThis.sbxTestCalled = 'loaded';
    export const handle = () => { globalThis.sbxTestCalled = 'called'; };`;
  t.match(await run(t, text, { config: { ...config, execution: { timeoutMs: 50 } } }), {
    ok: false,
    error: { code: 'TIMEOUT' },
  });
  await until(called, 'the end of loading');
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(called(), 'loaded');
  t.match(await run(t, text, { config }), { ok: true });
  t.equal(called(), 'called', 'the control');
});

t.test('devMode and KB_PLUGIN_DEV_MODE', async (t) => {
  const where = handler('return process.pid;');
  t.equal((await run(t, where, { config: { devMode: true } })).data, process.pid);
  process.env.KB_PLUGIN_DEV_MODE = 'true';
  t.teardown(() => delete process.env.KB_PLUGIN_DEV_MODE);
  t.equal((await run(t, where, { config: {} })).data, process.pid);
  process.env.KB_PLUGIN_DEV_MODE = 'false';
  t.not((await run(t, where, { config: {} })).data, process.pid);
});

t.test('isolation is not turned off without a word', async (t) => {
  const source = `
    import { createSandboxRunner } from ${JSON.stringify(new URL('../lib/index.js', import.meta.url))};
    const said = [];
    process.on('warning', ({ name, code, message }) => said.push([name, code, message.split(' ')[0]]));
    const made = [];
    for (const config of JSON.parse(process.argv[1])) {
      try { made.push(createSandboxRunner(config).isolation().mode); }
      catch ({ name, code, issues: [{ path }] }) { made.push([name, code, path].join()); }
    }
    setImmediate(() => console.log(JSON.stringify({ made, said })));`;
  const play = (/** @type {object[]} */ configs, /** @type {Record<string, string>} */ env) => {
    const args = ['--input-type=module', '-e', source, JSON.stringify(configs)];
    return JSON.parse(
      execFileSync(process.execPath, args, { env: { ...process.env, ...env }, encoding: 'utf8' }),
    );
  };
  const dev = { KB_PLUGIN_DEV_MODE: 'true' };
  const strict = { isolation: 'strict' };
  t.same(play([{}, {}, { isolation: 'best-effort' }], dev), {
    made: ['inprocess', 'inprocess', 'inprocess'],
    said: [['SandboxWarning', 'SBX_DEV_MODE', 'KB_PLUGIN_DEV_MODE=true']],
  });
  t.same(play([strict], dev), { made: ['TypeError,VALIDATION_ERROR,isolation'], said: [] });
  t.same(play([{ ...strict, devMode: true }], dev), {
    made: ['inprocess'],
    said: [['SandboxWarning', 'SBX_DEV_MODE', 'devMode:']],
  });
  t.same(
    play([{ ...strict, mode: 'inprocess' }], dev),
    { made: ['inprocess'], said: [] },
    'the caller has said so',
  );
  t.same(play([{}, strict], {}), { made: ['subprocess', 'subprocess'], said: [] }, 'the control');
});

t.test('isolation() says that there is none', async (t) => {
  const { mode, layers } = sandbox(t, config).isolation();
  t.equal(mode, 'inprocess');
  t.ok(layers.every(({ status }) => status === 'unavailable'));
  const real = sandbox(t).isolation();
  t.equal(real.mode, 'subprocess');
  t.equal(real.layers.find(({ name }) => name === 'privileges')?.status, 'active');
  t.equal(real.layers.find(({ name }) => name === 'network')?.status, 'active');
  t.same(real.broken, []);
});
