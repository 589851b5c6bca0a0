// runner.stats() and the events of a runner.
import fs from 'node:fs';
import t from 'tap';
import { handler, isLauncher, project, run, sandbox, until } from '../run/helper.js';
import { waitLong, ways } from '../telemetry/helper.js';

const bodyOf = (/** @type {any} */ way) =>
  handler(`
  if (input === 'wait') ${waitLong(way)}
  if (input === 'throw') throw new Error('x');
  if (input === 'large') return 'x'.repeat(100_000);
  return input;`);

/** @param {any} t @param {any} runner @param {any} way */
function caller(t, runner, way) {
  const dir = project(t, bodyOf(way));
  return (/** @type {any} */ input, /** @type {object} */ ctx = {}) =>
    runner.run({ file: 'handler.mjs', export: 'handle' }, input, {
      requestId: `r-${String(input).slice(0, 10)}`,
      workdir: dir,
      ...ctx,
    });
}

for (const way of ways) {
  const title = way.mode === 'inprocess' ? way.mode : way.startup;
  const confined = way.mode === 'subprocess';

  t.test(`${title}: stats`, async (t) => {
    const runner = sandbox(t, { ...way, execution: { concurrency: 1, maxQueue: 1 } });
    const call = caller(t, runner, way);
    const nothing = runner.stats();
    t.match(nothing, {
      runs: 0,
      outcomes: {},
      queueDepth: 0,
      running: 0,
      guests: 0,
      spares: 0,
      hostBytes: 0,
    });
    t.same(nothing.latency.run, { count: 0, min: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 });

    t.ok((await call(1)).ok);
    t.equal((await call('throw')).error.code, 'HANDLER_ERROR');
    const controller = new AbortController();
    const running = call('wait', { signal: controller.signal });
    const waiting = call('w'.repeat(1_000_000));
    t.equal((await call(2)).error.code, 'QUEUE_FULL');
    const busy = runner.stats();
    t.match(busy, { runs: 3, queueDepth: 1, running: 1, guests: confined ? 1 : 0 });
    t.ok(busy.hostBytes >= 1_000_000, 'the input that waits is counted');
    controller.abort();
    t.equal((await running).error.code, 'ABORTED');
    t.ok((await waiting).ok);

    const done = runner.stats();
    t.same(done.outcomes, { OK: 2, HANDLER_ERROR: 1, QUEUE_FULL: 1, ABORTED: 1 });
    t.match(done, { runs: 5, queueDepth: 0, running: 0, guests: 0, denied: 0, restarts: 0 });
    t.same(done.kills, confined ? { aborted: 1 } : {});
    t.ok(done.hostBytes < 100_000, `${done.hostBytes} bytes`);
    const { run: times, queue } = done.latency;
    t.equal(times.count, 4, 'what was refused has no time');
    t.equal(queue.count, 4);
    t.ok(times.min > 0 && times.min <= times.p50 && times.p50 <= times.p95);
    t.ok(times.p95 <= times.p99 && times.p99 <= times.max);
    t.ok(times.mean >= times.min && times.mean <= times.max);
  });

  t.test(`${title}: events`, async (t) => {
    const runner = sandbox(t, { ...way, execution: { timeoutMs: 3_000 } });
    const call = caller(t, runner, way);
    /** @type {any[]} */
    const events = [];
    const listener = (/** @type {any} */ event) => events.push(['run', event]);
    t.equal(runner.on('run', listener), runner);
    runner.on('kill', (event) => events.push(['kill', event]));
    /** @type {any[]} */
    const once = [];
    runner.once('run', (event) => once.push(event));
    const before = Date.now();
    t.ok((await call(1)).ok);
    t.equal(events.length, 1, 'told before the result is there');
    t.match(events[0][1], {
      requestId: 'r-1',
      handler: { file: 'handler.mjs', export: 'handle' },
      ok: true,
      metrics: { timeMs: Number },
    });
    t.equal(events[0][1].code, undefined);
    t.ok(events[0][1].queuedAt >= before - 2 && events[0][1].time >= events[0][1].queuedAt);
    events.length = 0;
    t.equal((await call('wait')).error.code, 'TIMEOUT');
    const last = events.pop();
    t.match(last, ['run', { ok: false, code: 'TIMEOUT' }]);
    if (confined) t.match(events, [['kill', { requestId: 'r-wait', reason: 'timeout' }]]);
    else t.same(events, []);
    t.equal(once.length, 1);
    events.length = 0;
    runner.off('run', listener);
    await call(2);
    t.same(events, []);
    t.throws(() => runner.on(/** @type {any} */ ('start'), () => {}), TypeError);
  });

  t.test(`${title}: listeners that fail`, async (t) => {
    const runner = sandbox(t, way);
    const call = caller(t, runner, way);
    /** @type {any[]} */
    const warnings = [];
    const onWarning = (/** @type {any} */ warning) => warnings.push(warning);
    process.on('warning', onWarning);
    t.teardown(() => process.off('warning', onWarning));
    let reached = 0;
    runner.on('run', () => {
      throw new Error('first');
    });
    runner.on('run', async () => {
      throw new Error('second');
    });
    runner.on('run', () => void reached++);
    t.same((await call(1)).data, 1);
    t.equal(reached, 1);
    await until(() => warnings.length >= 2);
    t.match(warnings, [
      { name: 'SandboxWarning', message: /'run' failed: first/, detail: /stats\.test\.js/ },
      { name: 'SandboxWarning', message: /'run' failed: second/ },
    ]);
    t.same((await call(2)).data, 2);
  });
}

for (const way of ways.slice(0, 2)) {
  t.test(`${way.startup}: kills, by reason`, async (t) => {
    /** @type {[string, string, object][]} */
    const cases = [
      ['cpu', 'for (;;);', { cpuMs: 100 }],
      [
        'result',
        'const fs = await import("node:fs"); const h = Buffer.alloc(8); h.writeUInt32LE(5000); h[4] = 1; h[5] = 21; fs.writeSync(3, h); await new Promise((r) => setTimeout(r, 60_000));',
        { maxResultBytes: 100 },
      ],
      [
        'protocol',
        'const fs = await import("node:fs"); fs.writeSync(3, Buffer.alloc(8, 255)); await new Promise((r) => setTimeout(r, 60_000));',
        {},
      ],
    ];
    for (const [reason, text, execution] of cases) {
      const runner = sandbox(t, { startup: way.startup, execution });
      /** @type {any[]} */
      const seen = [];
      runner.on('kill', (event) => seen.push(event.reason));
      const result = await run(t, handler(text), { runner });
      t.notOk(result.ok, reason);
      t.same(seen, [reason]);
      t.same(runner.stats().kills, { [reason]: 1 });
    }
  });

  t.test(`${way.startup}: what a guest says of itself is no kill`, async (t) => {
    const runner = sandbox(t, { startup: way.startup, execution: { maxResultBytes: 100 } });
    runner.on('kill', () => t.fail('it was not killed'));
    const result = await run(t, handler('return "x".repeat(1000);'), { runner });
    t.equal(result.error.code, 'RESULT_TOO_LARGE');
    t.same(runner.stats().kills, {});
  });

  t.test(`${way.startup}: what was denied`, async (t) => {
    const runner = sandbox(t, { startup: way.startup });
    /** @type {any[]} */
    const seen = [];
    runner.on('denied', (event) => seen.push(event));
    const text = `(await import('node:fs')).readFileSync('/etc/hostname');`;
    const result = await run(t, handler(text), { runner });
    if (result.error?.code === 'PERMISSION_DENIED')
      t.match(seen, [{ source: 'guest', key: 'permissions.filesystem.allow', count: 1 }]);
    else t.equal(result.error.code, 'HANDLER_ERROR'); // Not there at all, in a view of its own.
    t.equal(runner.stats().denied, seen.length);
    const net = `const net = await import('node:net');
      await new Promise((resolve, reject) => net.connect(9, '127.0.0.1', resolve).on('error', reject));`;
    seen.length = 0;
    t.equal((await run(t, handler(net), { runner })).error.code, 'PERMISSION_DENIED');
    t.match(seen, [{ requestId: 'test', source: 'guest', key: 'permissions.network.allow' }]);
  });

  t.test(`${way.startup}: a launcher that is lost`, async (t) => {
    const runner = sandbox(t, { startup: way.startup });
    const call = caller(t, runner, way);
    /** @type {any[]} */
    const seen = [];
    runner.on('restart', (event) => seen.push(event));
    runner.on('kill', ({ reason }) => seen.push(reason));
    const before = new Set(children().filter(isLauncher));
    const running = call('wait');
    /** @type {number[]} */
    let fresh = [];
    await until(() => {
      fresh = children().filter((pid) => isLauncher(pid) && !before.has(pid));
      return fresh.length > 0 && runner.stats().guests === 1;
    });
    process.kill(fresh[0], 'SIGKILL');
    t.equal((await running).error.code, 'PROCESS_CRASHED');
    t.same(seen, ['lost']);
    t.ok((await call(1)).ok);
    await until(() => seen.length === 2);
    t.match(seen[1], { what: 'launcher', signal: 'SIGKILL', time: Number });
    t.match(runner.stats(), { restarts: 1, kills: { lost: 1 } });
  });
}

t.test('connections that the supervisor refused', async (t) => {
  const runner = sandbox(t, { permissions: { network: { allow: ['192.0.2.1'] } } });
  /** @type {any[]} */
  const seen = [];
  runner.on('denied', (event) => seen.push(event));
  const text = `const net = await import('node:net');
    for (let i = 0; i < 3; i++)
      await new Promise((resolve) => net.connect(9, '127.0.0.1').on('error', resolve));
    return 1;`;
  const result = await run(t, handler(text), { runner });
  if (result.error?.code === 'ISOLATION_UNAVAILABLE' && process.env.SBX_MUST_WORK !== '1')
    return t.skip(result.error.message);
  t.ok(result.ok, 'the handler has caught them');
  t.match(seen, [
    { source: 'supervisor', key: 'permissions.network', address: '127.0.0.1', port: 9, count: 3 },
  ]);
  return t.equal(runner.stats().denied, 1);
});

/** The processes that this one has started. */
function children() {
  return fs
    .readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number);
}
