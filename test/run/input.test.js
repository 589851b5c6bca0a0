// Bad input: each gives a clear coded result; and what is fine gets through.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { createSandboxRunner } from '../../lib/index.js';
import { handler, project, run, sandbox } from './helper.js';

t.test('what cannot be sent', async (t) => {
  const runner = sandbox(t);
  /** @type {any} */
  const cycle = {};
  cycle.cycle = cycle;
  const bad = [
    cycle,
    1n,
    {
      toJSON() {
        throw new Error('no');
      },
    },
    () => 1,
    Symbol('s'),
  ];
  for (const input of bad)
    t.match(await run(t, handler('return 1;'), { runner, input }), {
      ok: false,
      error: { code: 'VALIDATION_ERROR', message: /input/ },
    });
  for (const input of [undefined, null, 0, '', [], { a: [1, 'ü'] }])
    t.match(await run(t, handler('return [input];'), { runner, input }), {
      ok: true,
      data: [input ?? null],
    });
});

t.test('64 MB there and back', async (t) => {
  const input = { text: 'x'.repeat(64 << 20) };
  const { ok, data, error } = await run(t, handler('return input;'), {
    input,
    config: { execution: { memoryMb: 1024, maxResultBytes: 2 ** 27 } },
  });
  t.ok(ok, JSON.stringify(error));
  t.equal(data?.text.length, 64 << 20);
});

t.test('handlers and contexts', async (t) => {
  const runner = sandbox(t);
  const dir = project(t, handler('return 1;'));
  const ctx = { requestId: 'r', workdir: dir };
  const ref = { file: 'handler.mjs', export: 'handle' };
  /** @type {[any, any, RegExp][]} */
  const bad = [
    [null, ctx, /handler/],
    [{}, ctx, /file/],
    [{ file: 7, export: 'a' }, ctx, /file/],
    [{ file: 'a', export: '' }, ctx, /export/],
    [{ file: 'a\0b', export: 'a' }, ctx, /file/],
    [ref, undefined, /ctx|requestId|workdir/],
    [ref, { workdir: dir }, /requestId/],
    [ref, { requestId: 'r' }, /workdir/],
    [ref, { ...ctx, workdir: path.join(dir, 'absent') }, /workdir.*absent/],
    [ref, { ...ctx, workdir: path.join(dir, 'handler.mjs') }, /workdir/],
    [ref, { ...ctx, workdir: `${dir}\0` }, /workdir/],
    [ref, { ...ctx, workdir: `/${'x'.repeat(5000)}` }, /workdir/],
    [ref, { ...ctx, signal: 7 }, /signal/],
    [ref, { ...ctx, onLog: 7 }, /onLog/],
    [ref, { ...ctx, big: 1n }, /big|ctx/],
  ];
  for (const [h, c, names] of bad) {
    const result = await runner.run(h, 0, c);
    t.match(
      result,
      { ok: false, error: { code: 'VALIDATION_ERROR', message: names } },
      String(names),
    );
    t.type(result.metrics.timeMs, 'number');
  }
  t.match(await runner.run(ref, 0, ctx), { ok: true, data: 1 });
});

t.test('what the handler finds in its context', async (t) => {
  const { data } = await run(
    t,
    handler(
      `return { ...ctx, log: typeof ctx.log.info, trace: typeof ctx.trace.span, signal: ctx.signal.aborted, cwd: process.cwd() };`,
    ),
    {
      ctx: { requestId: 'r-1', pluginId: 'p', extra: { deep: [1] }, fn: () => 1, debug: true },
      config: { permissions: { capabilities: ['kv:read'] } },
    },
  );
  t.match(data, {
    requestId: 'r-1',
    pluginId: 'p',
    extra: { deep: [1] },
    debug: true,
    capabilities: ['kv:read'],
    log: 'function',
    trace: 'function',
    signal: false,
  });
  t.equal(data.fn, undefined);
  t.equal(fs.realpathSync(data.workdir), data.cwd);
});

t.test('configurations', async (t) => {
  /** @type {[any, RegExp][]} */
  const bad = [
    [{ execution: { timeoutMs: 0 } }, /execution\.timeoutMs/],
    [{ execution: { timeoutMs: NaN } }, /execution\.timeoutMs/],
    [{ execution: { timeoutMs: -1 } }, /execution\.timeoutMs/],
    [{ execution: { timeoutMs: Infinity } }, /execution\.timeoutMs/],
    [{ execution: { timeoutMs: '1' } }, /execution\.timeoutMs/],
    [{ execution: { graceMs: -1 } }, /execution\.graceMs/],
    [{ execution: { memoryMb: 1 } }, /execution\.memoryMb/],
    [{ execution: { concurrency: 0 } }, /execution\.concurrency/],
    [{ mode: 'docker' }, /mode/],
    [{ unknown: 1 }, /unknown/],
    [{ execution: { timeoutMS: 1 } }, /timeoutMS/],
    [{ permissions: { env: { allow: 'PATH' } } }, /permissions\.env\.allow/],
    [{ permissions: { env: { allow: ['A=B'] } } }, /permissions\.env\.allow/],
    [{ monitoring: { logBufferSizeMb: -1 } }, /monitoring\.logBufferSizeMb/],
    [7, /object/],
  ];
  for (const [config, names] of bad)
    t.throws(
      () => createSandboxRunner(config),
      { name: 'TypeError', code: 'VALIDATION_ERROR', message: names },
      String(names),
    );
  try {
    createSandboxRunner(/** @type {any} */ ({ a: 1, mode: 'x', execution: { cpuMs: -1 } }));
    t.fail('it was accepted');
  } catch (error) {
    const { message, issues } = /** @type {any} */ (error);
    t.same(issues.map((/** @type {any} */ issue) => issue.path).sort(), [
      'a',
      'execution.cpuMs',
      'mode',
    ]);
    for (const { path: key } of issues) t.match(message, key);
  }
});
