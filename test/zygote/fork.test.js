// Guests that are forked: what is theirs alone, and what they can do.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { handler, project, run } from '../run/helper.js';
import { forking, preloaded, zygotes } from './helper.js';

t.test('isolation() and the metrics say how a guest came to be', async (t) => {
  const runner = forking(t);
  t.equal(runner.isolation().startup, 'fork');
  const { metrics, logs } = await run(t, handler('return 1;'), { runner });
  t.equal(metrics.startup, 'fork');
  t.same(logs, [], 'nothing is left to be said by the zygote');
  for (const network of [
    { allow: ['*'] },
    { allow: ['127.0.0.1'] },
    { allow: ['*'], deny: ['127.0.0.1'] },
  ])
    t.equal(forking(t, { permissions: { network } }).isolation().startup, 'fork');
  const spawning = forking(t, { permissions: { capabilities: ['process:spawn'] } });
  t.equal(spawning.isolation().startup, 'spawn');
  t.equal((await run(t, handler('return 1;'), { runner: spawning })).metrics.startup, 'spawn');
});

t.test('bytes that are read and written are those of the guest', async (t) => {
  const runner = forking(t, { execution: { concurrency: 4 } });
  const dir = project(t, {
    big: 'x'.repeat(1 << 20),
    'handler.mjs': `import fs from 'node:fs';
      export function handle(times) {
        for (let i = 0; i < times; i++) fs.readFileSync(new URL('./big', import.meta.url));
        return 'x'.repeat(times << 10);
      }`,
  });
  const ref = { file: './handler.mjs', export: 'handle' };
  const results = await Promise.all(
    Array.from({ length: 12 }, (_, i) => runner.run(ref, i, { requestId: 'r', workdir: dir })),
  );
  for (const [i, { ok, metrics }] of results.entries()) {
    t.ok(ok);
    t.equal(metrics.readChars >> 20, i, `${i}: ${metrics.readChars} read`);
    t.ok(metrics.writeChars >= i << 10, `${i}: ${metrics.writeChars} written`);
    t.ok(metrics.writeChars < (i << 10) + 4096, 'and no more');
    t.ok(metrics.readBytes >= 0 && metrics.writeBytes >= 0);
  }
});

t.test('samples are those of the guest', async (t) => {
  const runner = forking(t, { monitoring: { sampleIntervalMs: 20 } });
  const { metrics } = await run(
    t,
    handler(`
      globalThis.kept = Buffer.alloc(64 << 20, 1);
      await new Promise((resolve) => setTimeout(resolve, 500));`),
    { runner },
  );
  t.ok(metrics.samples.length > 0, `${metrics.samples.length} samples`);
  t.ok(Math.max(...metrics.samples.map((/** @type {any} */ one) => one.memMb)) > 60);
});

t.test('what a process knows of itself is its own', async (t) => {
  const runner = forking(t);
  const body = handler(`
    const { readFileSync } = await import('node:fs');
    const stat = readFileSync('/proc/self/stat', 'latin1').split(' ');
    return {
      pid: process.pid, realPid: Number(stat[0]), ppid: process.ppid, realPpid: Number(stat[3]),
      uptime: process.uptime(), cwd: process.cwd(), env: process.env, argv: process.argv.length,
      before: performance.now(), sinceOrigin: Date.now() - performance.timeOrigin, now: performance.now(),
      mark: performance.mark('m').startTime, measure: performance.measure('d', 'm').duration,
    };`);
  const first = await run(t, body, { runner });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const dir = project(t, body);
  const begun = performance.now();
  const { data } = await runner.run({ file: 'handler.mjs', export: 'handle' }, 0, {
    requestId: 'r',
    workdir: dir,
  });
  // The guest began within its run. Its zygote is 1.5 s older.
  const most = performance.now() - begun + 1000;
  t.equal(data.pid, data.realPid);
  t.equal(data.ppid, data.realPpid);
  // With execution.preload the other directory has a zygote, and a PID namespace, of its own.
  if (!preloaded) t.not(data.pid, first.data.pid);
  t.ok(data.uptime * 1000 < most, `${data.uptime} s`);
  t.ok(data.now > 0 && data.now < most, `${data.now} ms`);
  const { before, sinceOrigin, now } = data;
  t.ok(sinceOrigin > before - 100 && sinceOrigin < now + 100, `${sinceOrigin} ms since timeOrigin`);
  t.ok(data.mark >= data.now && data.mark < most, `a mark at ${data.mark} ms`);
  t.ok(data.measure >= 0 && data.measure < most, `a measure of ${data.measure} ms`);
  t.equal(data.cwd, dir);
  t.equal(data.argv, 2);
});

t.test('nothing is left for the next guest', async (t) => {
  const runner = forking(t);
  const leave = await run(
    t,
    handler(`
    globalThis.left = 1;
    process.env.LEFT = '1';
    process.title = 'left';
    Array.prototype.left = 1;
    process.umask(0);
    (await import('node:path')).default.left = 1;
    setInterval(() => {}, 1);
    return 'left';`),
    { runner },
  );
  t.match(leave, { ok: true, data: 'left' });
  const { data } = await run(
    t,
    handler(`return {
      global: globalThis.left, env: process.env.LEFT, title: process.title, array: [].left,
      umask: process.umask(), path: (await import('node:path')).default.left };`),
    { runner },
  );
  t.match(data, { global: undefined, env: undefined, array: undefined, umask: 0o77 });
  t.not(data.title, 'left');
  t.equal(data.path, undefined);
});

const abilities = {
  timers: `
    const at = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 20));
    return performance.now() - at >= 19;`,
  'the thread pool': `
    const { promises: fs } = await import('node:fs');
    const { pbkdf2Sync } = await import('node:crypto');
    const { promisify } = await import('node:util');
    const { pbkdf2 } = await import('node:crypto');
    const key = await promisify(pbkdf2)('p', 's', 1000, 32, 'sha256');
    await fs.readFile(process.argv[1]);
    return key.equals(pbkdf2Sync('p', 's', 1000, 32, 'sha256'));`,
  'garbage collection': `
    let all = [];
    for (let i = 0; i < 2e5; i++) all.push({ i });
    const n = all.length;
    all = null;
    for (let i = 0; i < 50; i++) new Array(1e5).fill(i);
    return n === 2e5;`,
  'the optimising compiler': `
    const add = (a, b) => a + b;
    let sum = 0;
    for (let i = 0; i < 5e6; i++) sum = add(sum, i) % 1000;
    return Number.isInteger(sum);`,
  WebAssembly: `
    // (module (func (export "f") (param i32) (result i32) local.get 0 i32.const 1 i32.add))
    const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1,
      0, 7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 32, 0, 65, 1, 106, 11]);
    const { instance } = await WebAssembly.instantiate(bytes);
    return instance.exports.f(41) === 42;`,
  'worker threads': `
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker('const { parentPort } = require("worker_threads"); parentPort.postMessage(42)', { eval: true });
    const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    return answer === 42;`,
  'Atomics.wait': `
    return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10) === 'timed-out';`,
  'Atomics.waitAsync': `
    if (!Atomics.waitAsync) return true;
    const cell = new Int32Array(new SharedArrayBuffer(4));
    setTimeout(() => Atomics.notify(cell, 0), 10);
    return (await Atomics.waitAsync(cell, 0, 0).value) === 'ok';`,
  FinalizationRegistry: `
    (await import('node:v8')).setFlagsFromString('--expose-gc');
    const gc = (await import('node:vm')).runInNewContext('gc');
    const told = new Promise((resolve) => {
      const registry = new FinalizationRegistry(resolve);
      (() => registry.register({}, 42))();
      globalThis.registry = registry;
    });
    const timer = setInterval(gc, 5);
    const answer = await told;
    clearInterval(timer);
    return answer === 42;`,
  'import() and require()': `
    const { createRequire } = await import('node:module');
    const require = createRequire(import.meta.url);
    return (await import('./other.mjs')).value + require('./other.cjs').value === 42;`,
  'async context': `
    const { AsyncLocalStorage, executionAsyncId } = await import('node:async_hooks');
    const storage = new AsyncLocalStorage();
    const seen = await storage.run(42, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return storage.getStore();
    });
    return seen === 42 && Number.isInteger(executionAsyncId());`,
  streams: `
    const { pipeline } = await import('node:stream/promises');
    const { createGzip, createGunzip } = await import('node:zlib');
    const { Readable } = await import('node:stream');
    const out = [];
    await pipeline(Readable.from(['forty', '-two']), createGzip(), createGunzip(), async (source) => {
      for await (const chunk of source) out.push(chunk);
    });
    return Buffer.concat(out).toString() === 'forty-two';`,
  'signals of its own': `
    const told = new Promise((resolve) => process.once('SIGUSR2', () => resolve(42)));
    const timer = setInterval(() => {}, 1000);
    process.kill(process.pid, 'SIGUSR2');
    const answer = await told;
    clearInterval(timer);
    return answer === 42;`,
  'process.report': `
    const report = JSON.parse(JSON.stringify(process.report.getReport()));
    return report.header.processId === process.pid;`,
  'structuredClone and fetch of a data URL': `
    const text = await (await fetch('data:text/plain,42')).text();
    return structuredClone({ text }).text === '42';`,
};

t.test('what Node.js can do it can do in a fork', async (t) => {
  const runner = forking(t);
  for (const [name, body] of Object.entries(abilities)) {
    const { ok, data, error } = await run(
      t,
      {
        'handler.mjs': handler(body),
        'other.mjs': 'export const value = 40;',
        'other.cjs': 'exports.value = 2;',
      },
      { runner },
    );
    t.ok(ok && data === true, `${name}: ${JSON.stringify(error ?? data)}`);
  }
});

t.test('an exception that nothing catches ends it at once', async (t) => {
  const runner = forking(t);
  const began = Date.now();
  const { error } = await run(
    t,
    handler(`
      process.removeAllListeners('uncaughtException');
      setTimeout(() => { throw new Error('nobody catches it'); }, 1);
      await new Promise((resolve) => setTimeout(resolve, 60_000));`),
    { runner },
  );
  t.equal(error.code, 'HANDLER_EXIT', JSON.stringify(error));
  t.ok(Date.now() - began < 25_000, 'it did not wait for its deadline');
});

t.test('ctx.signal tells why a forked guest is ended', async (t) => {
  const runner = forking(t, { execution: { timeoutMs: 700, graceMs: 1000 } });
  const dir = project(t, {
    'handler.mjs': handler(`
      setInterval(() => {}, 1000);
      await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
      (await import('node:fs')).writeFileSync(ctx.outdir + '/why', ctx.signal.reason.name);
      await new Promise(() => {});`),
  });
  fs.chmodSync(dir, 0o777);
  const ref = { file: 'handler.mjs', export: 'handle' };
  const ctx = { requestId: 'r', workdir: dir, outdir: dir };
  await run(t, handler('return 1;'), { runner });
  t.match(await runner.run(ref, 0, ctx), { ok: false, error: { code: 'TIMEOUT' } });
  t.equal(fs.readFileSync(path.join(dir, 'why'), 'utf8'), 'TimeoutError');
});

t.test('a zygote gives way to another after maxForks', async (t) => {
  const runner = forking(t, { execution: { maxForks: 3 } });
  const seen = new Set();
  for (let i = 0; i < 10; i++) {
    t.match(await run(t, handler('return input;'), { runner, input: i }), { ok: true, data: i });
    for (const pid of zygotes()) seen.add(pid);
  }
  t.ok(seen.size >= 4, `${seen.size} zygotes for 10 runs`);
});

t.test('runs that go on do so when their zygote gives way', async (t) => {
  const runner = forking(t, { execution: { maxForks: 2, concurrency: 12 } });
  const body = handler(`await new Promise((r) => setTimeout(r, 300)); return input;`);
  const results = await Promise.all(
    Array.from({ length: 12 }, (_, i) => run(t, body, { runner, input: i })),
  );
  t.same(
    results.map(({ data }) => data),
    Array.from({ length: 12 }, (_, i) => i),
  );
});

t.test('a handler that hangs while it loads has booted', async (t) => {
  const runner = forking(t, { execution: { timeoutMs: 500 } });
  const dir = project(t, 'while (true);');
  const ref = { file: 'handler.mjs', export: 'handle' };
  const { error, metrics } = await runner.run(ref, 1, { requestId: 'r', workdir: dir });
  t.equal(error.code, 'TIMEOUT');
  t.ok(metrics.phases.loadMs > 0);
  t.equal(metrics.phases.executeMs, 0);
});
