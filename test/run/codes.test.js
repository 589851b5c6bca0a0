// Every code of the closed set is provoked, and none is without a test.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import {
  handler,
  isAlive,
  processesWith,
  project,
  run,
  sandbox,
  until,
  isLauncher,
} from './helper.js';

/** Codes of guards that are not part of the core: test/guards and test/escape provoke them. */
const OF_GUARDS = ['PERMISSION_DENIED', 'ISOLATION_UNAVAILABLE'];
/** test/binding.test.js: it takes a package without its binaries. */
const ELSEWHERE = ['UNSUPPORTED_PLATFORM'];

const wait = handler('await new Promise((resolve) => setTimeout(resolve, 60_000));');

/** @type {Record<string, (t: any) => Promise<any>>} */
const provoke = {
  TIMEOUT: (t) => run(t, wait, { config: { execution: { timeoutMs: 400 } } }),
  ABORTED: (t) => run(t, wait, { ctx: { signal: AbortSignal.timeout(100) } }),
  MEMORY_LIMIT: (t) =>
    run(t, handler('const a = []; for (;;) a.push(Buffer.alloc(1 << 22, 1));'), {
      config: { execution: { memoryMb: 64 } },
    }),
  CPU_LIMIT: (t) => run(t, handler('for (;;);'), { config: { execution: { cpuMs: 200 } } }),
  THREAD_LIMIT: (t) =>
    run(
      t,
      handler(
        `const { Worker } = await import('node:worker_threads');
        for (let i = 0; i < 32; i++) new Worker('setInterval(() => {}, 1000)', { eval: true });
        await new Promise((resolve) => setTimeout(resolve, 60_000));`,
      ),
      { config: { execution: { maxThreads: 24 } } },
    ),
  OUTPUT_LIMIT: (t) =>
    run(t, handler(`(await import('node:fs')).writeFileSync(ctx.outdir + '/a', '');`), {
      config: { execution: { maxOutputFiles: 0 } },
      ctx: { outdir: project(t, {}) },
    }),
  HANDLER_ERROR: (t) => run(t, handler('throw new Error("something is wrong");')),
  HANDLER_NOT_FOUND: (t) => run(t, wait, { file: 'absent.mjs' }),
  HANDLER_EXIT: (t) => run(t, handler('process.exit(1);')),
  RESULT_TOO_LARGE: (t) =>
    run(t, handler('return "too long";'), { config: { execution: { maxResultBytes: 4 } } }),
  RESULT_NOT_SERIALIZABLE: (t) => run(t, handler('return 1n;')),
  HOST_LIMIT: (t) =>
    run(
      t,
      handler(
        `(await import('node:fs')).writeSync(3, Buffer.from([0, 0, 0, 1, 1, 23, 0, 0]));
        await new Promise((resolve) => setTimeout(resolve, 60_000));`,
      ),
    ),
  PROCESS_CRASHED: (t) => run(t, handler('process.abort();')),
  QUEUE_FULL: (t) => {
    const runner = sandbox(t, { execution: { concurrency: 1, maxQueue: 0 } });
    void run(t, wait, { runner });
    return run(t, wait, { runner });
  },
  DISPOSED: async (t) => {
    const runner = sandbox(t);
    await runner.dispose();
    return run(t, wait, { runner });
  },
  VALIDATION_ERROR: (t) => run(t, wait, { input: 1n }),
};

t.test('the set is closed, and each of it is here', (t) => {
  const types = fs.readFileSync(new URL('../../lib/index.d.ts', import.meta.url), 'utf8');
  const [, union] = /export type SandboxErrorCode =([\s\S]*?);\n\nexport/.exec(types) ?? [];
  const codes = [...String(union).matchAll(/^ {2}\| '(\w+)'/gm)].map(([, code]) => code);
  t.ok(codes.length > 10);
  t.same([...Object.keys(provoke), ...OF_GUARDS, ...ELSEWHERE].sort(), codes.sort());
  t.end();
});

for (const [code, act] of Object.entries(provoke))
  t.test(code, async (t) => {
    const result = await act(t);
    t.match(result, { ok: false, error: { code } });
    t.ok(result.error.message.length > 10, 'it says what happened');
    t.type(result.metrics.timeMs, 'number');
    t.notOk('data' in result);
    t.doesNotThrow(() => JSON.stringify(result));
  });

t.test('run() resolves whatever it is given', async (t) => {
  const runner = sandbox(t);
  const dir = project(t, handler('return 1;'));
  const ref = { file: 'handler.mjs', export: 'handle' };
  const ctx = { requestId: 'r', workdir: dir };
  const thrower = (/** @type {object} */ object, /** @type {string} */ key) =>
    Object.defineProperty({ ...object }, key, {
      enumerable: true,
      get() {
        throw new Error('mine');
      },
    });
  const proxy = new Proxy(
    {},
    {
      get() {
        throw new Error('mine');
      },
    },
  );
  /** @type {any[][]} */
  const calls = [
    [thrower(ref, 'file'), 0, ctx],
    [proxy, 0, ctx],
    [ref, 0, thrower(ctx, 'workdir')],
    [ref, 0, thrower(ctx, 'traceId')],
    [ref, 0, thrower(ctx, 'mine')],
    [ref, 0, proxy],
    [ref, proxy, ctx],
  ];
  for (const [handler_, input, context] of calls) {
    const { ok, error } = await runner.run(handler_, input, context);
    t.notOk(ok);
    t.match(error, { code: 'VALIDATION_ERROR', message: /mine/ });
  }
  t.match(await runner.run(ref, 0, ctx), { ok: true });
});

t.test('a run that never began has no more metrics than were asked for', async (t) => {
  const monitoring = { collectMetrics: false };
  const few = await run(t, wait, { input: 1n, config: { monitoring } });
  t.same(few.metrics, { timeMs: 0 });
  const { metrics } = await run(t, wait, { input: 1n });
  t.ok(metrics.phases.queueMs >= 0);
});

t.test('what could not be set up tells its stage and errno, and is no exit code', async (t) => {
  // execve(2) takes no single string of more than 128 KiB.
  process.env.SBX_TEST_LONG = 'x'.repeat(200_000);
  t.teardown(() => delete process.env.SBX_TEST_LONG);
  const long = { permissions: { env: { allow: ['SBX_TEST_LONG'] } } };
  t.match(await run(t, handler('return 1;'), { config: long }), {
    ok: false,
    error: { code: 'PROCESS_CRASHED', details: { stage: 'exec', errno: 'E2BIG' } },
  });
  process.env.SBX_TEST_LONG = 'x'.repeat(100_000);
  t.match(await run(t, handler('return 1;'), { config: long }), { ok: true }, 'the control');
});

t.test('what the launcher’s end takes along settles, also when there is another one', async (t) => {
  const runner = sandbox(t, { execution: { concurrency: 50 } });
  // More than one read takes, so that lines are left when the launcher is found to be gone.
  const dir = project(t, {
    'talks.mjs': handler(`
      const fs = await import('node:fs');
      fs.writeFileSync(ctx.outdir + '/there', '');
      while (!fs.existsSync(ctx.outdir + '/go-on')) await new Promise((resolve) => setTimeout(resolve, 5));
      for (let i = 0; i < 3; i++) ctx.log.info('line\\n'.repeat(12_000));
      fs.writeFileSync(ctx.outdir + '/talked', '');
      await new Promise((resolve) => setTimeout(resolve, 60_000));`),
    'quick.mjs': handler('return 1;'),
  });
  const go = (/** @type {string} */ file, onLog = () => {}) =>
    runner.run({ file, export: 'handle' }, 0, { requestId: 'r', workdir: dir, outdir: dir, onLog });
  const launchers = () =>
    fs
      .readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
      .split(' ')
      .filter(isLauncher);
  const others = launchers();
  t.match(await go('quick.mjs'), { ok: true });
  const launcher = launchers().find((pid) => !others.includes(pid));
  /** @type {Promise<any>[]} */
  const more = [];
  let lines = 0;
  const lost = go('talks.mjs', () => {
    // A run from inside of the callback finds that launcher gone, and starts another.
    if (lines++ % 5000 === 0) more.push(go('quick.mjs'));
  });
  await until(() => fs.existsSync(path.join(dir, 'there')), 'its guest');
  // Blocked, so that nothing is read before the launcher is gone.
  const block = (/** @type {() => boolean} */ until_) => {
    for (let i = 0; i < 1000 && !until_(); i++)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    t.ok(until_());
  };
  fs.writeFileSync(path.join(dir, 'go-on'), '');
  block(() => fs.existsSync(path.join(dir, 'talked')));
  process.kill(Number(launcher), 'SIGKILL');
  block(() => !isAlive(Number(launcher)));
  t.match(await lost, {
    ok: false,
    error: { code: 'PROCESS_CRASHED', details: { launcher: { signal: 'SIGKILL' } } },
  });
  t.ok(more.length > 0);
  for (const result of await Promise.all(more))
    t.ok(result.ok || result.error.code === 'PROCESS_CRASHED', JSON.stringify(result.error));
  await until(() => processesWith(dir).length === 0, 'the end of all guests');
  t.match(await go('quick.mjs'), { ok: true });
});
