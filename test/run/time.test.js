// How runs end: PEERS' abuse cases 12 to 26.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import t from 'tap';
import {
  handler,
  isAlive,
  processesWith,
  project,
  run,
  sandbox,
  until,
  spawning,
} from './helper.js';

const short = { execution: { timeoutMs: 700, graceMs: 100 } };

t.test('12, 13. loops that never give way', async (t) => {
  const loops = {
    'for (;;)': 'for (;;);',
    microtasks: 'const again = () => Promise.resolve().then(again); await again();',
    nextTick: 'const again = () => process.nextTick(again); again(); await new Promise(() => {});',
    'a promise that never settles': 'setInterval(() => {}, 1000); await new Promise(() => {});',
    'Atomics.wait': 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);',
    'a regular expression': '/^(a+)+$/.test("a".repeat(40) + "!");',
  };
  for (const [name, body] of Object.entries(loops)) {
    const { ok, error } = await run(t, handler(body), { config: short });
    t.notOk(ok, name);
    t.match(error, { code: 'TIMEOUT', details: { timeoutMs: 700 } }, name);
  }
});

t.test('14. SIGTERM is ignored', async (t) => {
  const result = await run(
    t,
    handler(
      `process.on('SIGTERM', () => {}); for (;;) await new Promise((r) => setTimeout(r, 10));`,
    ),
    { config: short },
  );
  t.match(result, { ok: false, error: { code: 'TIMEOUT' } });
});

t.test('ctx.signal tells of the deadline, and the grace is for cleaning up', async (t) => {
  const dir = project(t, {
    'handler.mjs': handler(`
      const fs = await import('node:fs');
      setInterval(() => {}, 1000);
      await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
      fs.writeFileSync(ctx.outdir + '/cleaned', ctx.signal.reason.name);
      process.exit(0);`),
  });
  const runner = sandbox(t, { execution: { timeoutMs: 3000, graceMs: 20_000 } });
  const result = await runner.run({ file: 'handler.mjs', export: 'handle' }, 0, {
    requestId: 'r',
    workdir: dir,
    outdir: dir,
  });
  t.match(result, { ok: false, error: { code: 'TIMEOUT' } });
  t.equal(fs.readFileSync(`${dir}/cleaned`, 'utf8'), 'TimeoutError');
});

t.test('15. the event loop runs dry', async (t) => {
  const { ok, error } = await run(t, handler('await new Promise(() => {});'));
  t.notOk(ok);
  t.equal(error.code, 'HANDLER_EXIT');
  t.match(error.message, /event loop|never settle/i);
});

const daemon = (/** @type {string} */ mark, /** @type {string} */ then) =>
  handler(`
    const { spawn } = await import('node:child_process');
    const script = 'trap "" TERM HUP INT; while :; do sleep 1; done';
    spawn('setsid', ['sh', '-c', '(sh -c \\'' + script.replaceAll("'", "") + '\\' ${mark} &) ; sleep 0.1; exit 0'], { stdio: 'ignore', detached: true });
    spawn('sh', ['-c', script, '${mark}'], { stdio: 'inherit', detached: true }).unref();
    await new Promise((r) => setTimeout(r, 400));
    ${then}`);

t.test('the control: without a sandbox such a daemon lives on', async (t) => {
  const mark = `mark-${process.pid}-control`;
  const dir = project(t, daemon(mark, 'return 1;'));
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `(await import('${dir}/handler.mjs')).handle().then(() => process.exit(0));`,
    ],
    { stdio: 'ignore' },
  );
  await new Promise((resolve) => child.once('exit', resolve));
  const left = processesWith(mark);
  t.ok(left.length >= 2, `${left.length} are left`);
  for (const pid of left) process.kill(Number(pid), 'SIGKILL');
});

t.test('16, 17. daemons die with their run', async (t) => {
  const mark = `mark-${process.pid}-`;
  const returned = await run(t, daemon(`${mark}a`, 'return 1;'), {
    config: { permissions: spawning },
  });
  t.match(returned, { ok: true, data: 1 });
  t.same(processesWith(`${mark}a`), []);
  const config = { permissions: spawning, execution: { timeoutMs: 1000, graceMs: 100 } };
  const late = await run(t, daemon(`${mark}b`, `process.on('SIGTERM', () => {}); for (;;);`), {
    config,
  });
  t.match(late, { ok: false, error: { code: 'TIMEOUT' } });
  t.same(processesWith(`${mark}b`), []);
});

t.test('22. ways to end', async (t) => {
  const exit = await run(t, handler('process.exit(7);'));
  t.match(exit, { ok: false, error: { code: 'HANDLER_EXIT', details: { exitCode: 7 } } });
  t.match(await run(t, handler('process.exit(0);')), {
    ok: false,
    error: { code: 'HANDLER_EXIT', details: { exitCode: 0 } },
  });
  t.match(await run(t, handler('process.exitCode = 3; await new Promise(() => {});')), {
    ok: false,
    error: { code: 'HANDLER_EXIT' },
  });
  t.match(await run(t, handler('process.reallyExit(5);')), {
    ok: false,
    error: { code: 'HANDLER_EXIT', details: { exitCode: 5 } },
  });
  t.match(await run(t, handler('process.abort();')), {
    ok: false,
    error: { code: 'PROCESS_CRASHED', details: { signal: 'SIGABRT' } },
  });
  t.match(
    await run(t, handler(`process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});`)),
    { ok: false, error: { code: 'PROCESS_CRASHED', details: { signal: 'SIGKILL' } } },
  );
  t.match(
    await run(t, handler(`process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {});`)),
    { ok: false, error: { code: 'PROCESS_CRASHED', details: { signal: 'SIGSEGV' } } },
  );
  const config = { execution: { timeoutMs: 1000, graceMs: 100 } };
  t.match(
    await run(t, handler(`process.kill(process.pid, 'SIGSTOP'); await new Promise(() => {});`), {
      config,
    }),
    { ok: false, error: { code: 'TIMEOUT' } },
  );
});

t.test('23. errors out of band', async (t) => {
  const rejected = await run(
    t,
    handler(
      `Promise.reject(new RangeError('lost')); await new Promise((r) => setTimeout(r, 5000));`,
    ),
  );
  t.match(rejected, {
    ok: false,
    error: {
      code: 'HANDLER_ERROR',
      name: 'RangeError',
      message: 'lost',
      details: { origin: 'unhandledRejection' },
    },
  });
  const thrown = await run(
    t,
    handler(
      `setTimeout(() => { throw new RangeError('late'); }, 1); await new Promise((r) => setTimeout(r, 5000));`,
    ),
  );
  t.match(thrown, {
    ok: false,
    error: {
      code: 'HANDLER_ERROR',
      name: 'RangeError',
      message: 'late',
      details: { origin: 'uncaughtException' },
    },
  });
  const after = await run(
    t,
    handler(
      `setImmediate(() => { throw new Error('after'); }); setTimeout(() => {}, 60_000); return 'done';`,
    ),
  );
  t.match(after, { ok: true, data: 'done' });
});

t.test('24. abort at every moment', async (t) => {
  const runner = sandbox(t, { execution: { concurrency: 1, graceMs: 100 } });
  const slow = handler('setInterval(() => {}, 1000); await new Promise(() => {});');
  t.match(await run(t, slow, { runner, ctx: { signal: AbortSignal.abort() } }), {
    ok: false,
    error: { code: 'ABORTED' },
  });
  const running = new AbortController();
  const queued = new AbortController();
  const first = run(t, slow, { runner, ctx: { signal: running.signal } });
  const second = run(t, slow, { runner, ctx: { signal: queued.signal } });
  const third = run(t, handler('return 3;'), { runner });
  setTimeout(() => queued.abort(), 50);
  t.match(await second, { ok: false, error: { code: 'ABORTED' } });
  setTimeout(() => {
    running.abort(new Error('enough'));
    running.abort();
  }, 300);
  t.match(await first, { ok: false, error: { code: 'ABORTED', message: /enough/ } });
  t.match(await third, { ok: true, data: 3 });
  const late = new AbortController();
  t.match(await run(t, handler('return 4;'), { runner, ctx: { signal: late.signal } }), {
    ok: true,
    data: 4,
  });
  late.abort();
});

t.test('25. a kill after the end hits nobody', async (t) => {
  const runner = sandbox(t);
  const controller = new AbortController();
  const { ok } = await run(t, handler('return 1;'), {
    runner,
    ctx: { signal: controller.signal },
  });
  t.ok(ok);
  const bystander = spawn('sleep', ['30']);
  t.teardown(() => bystander.kill('SIGKILL'));
  controller.abort();
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.ok(isAlive(Number(bystander.pid)));
});

t.test('26. limits are counted anew for each run', async (t) => {
  const runner = sandbox(t, { execution: { cpuMs: 1500 } });
  const burn = handler(
    `const end = Date.now() + 600; while (Date.now() < end) for (let i = 0; i < 1e5; i++); return 1;`,
  );
  for (let i = 0; i < 4; i++) t.match(await run(t, burn, { runner }), { ok: true, data: 1 });
});

t.test('an event loop that is blocked does not delay a deadline', async (t) => {
  const dir = project(
    t,
    handler(`
    process.on('SIGTERM', () => {});
    (await import('node:fs')).writeFileSync(ctx.outdir + '/there', '');
    for (;;);`),
  );
  // A process of its own, since this one has to look on while the host is blocked. Who is forked shows his
  // directory to root alone.
  const script = `
    import fs from 'node:fs';
    import { createSandboxRunner } from '${new URL('../../lib/index.js', import.meta.url).href}';
    const runner = createSandboxRunner({ startup: 'spawn', execution: { timeoutMs: 2000, graceMs: 0 } });
    const done = runner.run({ file: 'handler.mjs', export: 'handle' }, 0, { requestId: 'r', workdir: '${dir}', outdir: '${dir}' });
    while (!fs.existsSync('${dir}/there')) await new Promise((resolve) => setTimeout(resolve, 5));
    fs.readSync(0, Buffer.alloc(1));
    console.log('unblocked');
    console.log((await done).error.code);
    await runner.dispose();`;
  const host = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let out = '';
  host.stdout.on('data', (text) => (out += text));
  const exited = new Promise((resolve) => host.once('exit', resolve));
  const guests = () => processesWith(dir).filter((pid) => pid !== String(host.pid));
  await until(() => guests().length > 0, 'a guest');
  const began = performance.now();
  await until(() => guests().length === 0, 'the end of the guest');
  t.comment(
    `gone ${Math.round(performance.now() - began)} ms after it was seen; its deadline: 2000 ms`,
  );
  t.equal(out, '', 'while the host was still blocked');
  host.stdin.end('.');
  await exited;
  t.equal(out, 'unblocked\nTIMEOUT\n');
});
