// Guests that are forked ahead of demand serve one run each, and nothing is left of them.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { handler, isAlive, project, until } from '../run/helper.js';
import { forking, hasNamespaces, parentOf, preloaded, zygotes } from './helper.js';

const ref = { file: 'handler.mjs', export: 'handle' };
const ownPid = handler(`
  const { readFileSync } = await import('node:fs');
  return Number(readFileSync('/proc/self/stat', 'latin1').split(' ')[0]);`);

/** @param {any} t @param {string} body @param {any} [execution] */
function setUp(t, body, execution) {
  const runner = forking(t, { execution });
  const ctx = { requestId: 'r', workdir: project(t, body) };
  return { runner, run: (/** @type {any} */ input) => runner.run(ref, input, ctx) };
}

/** The children of the zygotes: with no run going on, its spares. */
function children() {
  const parents = zygotes().map(Number);
  return fs.readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && isAlive(pid) && parents.includes(parentOf(pid));
    } catch {
      return false; // It ended in between.
    }
  });
}

/** What a process is called in its own PID namespace. @param {string} pid */
function innerPid(pid) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^NSpid:.*?(\d+)$/m.exec(status)?.[1]);
}

/**
 * The spares, once there are as many. On a slow machine the time after which they are let go may be
 * over before they are all there: then it takes another run.
 *
 * @param {any} t @param {() => Promise<any>} run @param {number} count
 */
async function spares(t, run, count) {
  for (;;) {
    t.match(await run(), { ok: true });
    for (let i = 0; i < 200; i++) {
      const pids = children();
      if (pids.length === count) return pids;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

t.test('a spare serves one run', async (t) => {
  const { run } = setUp(t, ownPid, { spares: 2 });
  // The views that later runs enter are made with the second: spares from before it are not used.
  t.match(await run(0), { ok: true });
  const served = new Set();
  for (let fromSpares = 0; fromSpares < 3;) {
    const pids = (await spares(t, () => run(0), 2)).map(innerPid);
    t.same(
      pids.filter((pid) => served.has(pid)),
      [],
      'none has served a run',
    );
    const { data } = await run(0);
    if (pids.includes(data)) fromSpares++;
    t.notOk(served.has(data), 'nor serves another');
    served.add(data);
  }
});

t.test('dispose() leaves none', async (t) => {
  const { runner, run } = setUp(t, ownPid, { spares: 3 });
  const pids = await spares(t, () => run(0), 3);
  await runner.dispose();
  t.same(pids.filter(isAlive), []);
  t.same(zygotes(), []);
});

t.test('they go with their zygote', async (t) => {
  const { run } = setUp(t, ownPid, { spares: 2 });
  const pids = await spares(t, () => run(0), 2);
  process.kill(Number(zygotes()[0]), 'SIGKILL');
  await until(() => !pids.some(isAlive), 'the end of the spares');
  await until(() => zygotes().length === 0, 'the end of the zygote');
  t.match(await run(0), { ok: true });
});

t.test('one that was killed loses no run', async (t) => {
  const { run } = setUp(t, ownPid, { spares: 2 });
  t.match(await run(0), { ok: true });
  for (const pid of await spares(t, () => run(0), 2)) {
    process.kill(Number(pid), 'SIGKILL');
    await until(() => !isAlive(pid), 'its end');
  }
  for (let i = 0; i < 4; i++) t.match(await run(0), { ok: true });
});

t.test('more runs than spares', async (t) => {
  const body = handler(
    'await new Promise((r) => setTimeout(r, 100)); return [process.pid, input];',
  );
  const { run } = setUp(t, body, { spares: 1, concurrency: 8 });
  await spares(t, () => run(0), 1);
  const results = await Promise.all(Array.from({ length: 8 }, (_, i) => run(i)));
  t.same(
    results.map(({ data }) => data[1]),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  t.equal(new Set(results.map(({ data }) => data[0])).size, 8);
});

t.test('limits begin with the run, not with the spare', async (t) => {
  const body = handler('await new Promise((r) => setTimeout(r, input)); return process.uptime();');
  const { run } = setUp(t, body, { spares: 1, timeoutMs: 1500 });
  t.match(await run(0), { ok: true });
  await spares(t, () => run(0), 1);
  await new Promise((resolve) => setTimeout(resolve, 900)); // It is older now than what is left.
  const { ok, data } = await run(800);
  t.ok(ok && data < 1.5, `${data} s old`);
  t.match(await run(10_000), { ok: false, error: { code: 'TIMEOUT' } });
});

t.test('none while there are no runs', async (t) => {
  for (const count of [3, 'auto']) {
    const { runner, run } = setUp(t, ownPid, { spares: count });
    for (let i = 0; i < 3; i++) t.match(await run(0), { ok: true });
    await until(() => children().length > 0, 'spares');
    await until(() => runner.stats().spares > 0, 'which stats() tells of');
    await until(() => children().length === 0, 'none');
    await until(() => runner.stats().spares === 0, 'which stats() tells of, too');
    t.equal(zygotes().length, 1, 'the zygote stays');
    t.match(await run(0), { ok: true });
    await runner.dispose();
    t.equal(runner.stats().spares, 0, 'none with the runner gone');
  }
});

t.test("'auto': none while every processor has a guest", async (t) => {
  const count = os.availableParallelism() + 2;
  const runner = forking(t, { execution: { concurrency: count } });
  const body = handler('await new Promise((r) => setTimeout(r, input)); return process.pid;');
  const { signal, abort } = abortable();
  const ctx = { requestId: 'r', workdir: project(t, body) };
  for (let i = 0; i < 3; i++) t.match(await runner.run(ref, 0, ctx), { ok: true });
  const running = Array.from({ length: count }, () => runner.run(ref, 25_000, { ...ctx, signal }));
  await until(() => children().length === count, 'the guests, with no spare left');
  for (let i = 0; i < 20; i++) {
    t.equal(children().length, count, 'nor another one');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  abort();
  for (const result of await Promise.all(running))
    t.match(result, { ok: false, error: { code: 'ABORTED' } });
  // Once there is time for it there is one; on a slow machine it may be let go before it is seen.
  for (let seen = 0; seen === 0;) {
    t.match(await runner.run(ref, 0, ctx), { ok: true });
    for (let i = 0; i < 200 && seen === 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      seen = children().length;
    }
  }
});

t.test('a number: as many, whatever runs', async (t) => {
  const count = os.availableParallelism();
  const body = handler('await new Promise((r) => setTimeout(r, input)); return process.pid;');
  const { run } = setUp(t, body, { spares: 2, concurrency: count });
  await spares(t, () => run(0), 2);
  const all = Promise.all(Array.from({ length: count }, () => run(3000)));
  await until(() => children().length === count + 2, 'guests and spares');
  for (const { ok } of await all) t.ok(ok);
});

t.test('0 turns them off', async (t) => {
  const { run } = setUp(t, ownPid, { spares: 0 });
  // Beside the first ones there may be a guest that tells what was preloaded.
  for (let i = 0; i < 3; i++) t.match(await run(0), { ok: true });
  await until(() => children().length === 0, 'its end');
  for (let i = 0; i < 5; i++) {
    t.match(await run(0), { ok: true });
    t.same(children(), []);
  }
});

/** Only where views are made once is there anything to confine a spare to ahead of its run. */
const skip = !hasNamespaces() && 'there is no view to enter';

/** @param {string | number} pid */
function filters(pid) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^Seccomp_filters:\s*(\d+)$/m.exec(status)?.[1]);
}

/** Whether a guest has the last of its guards, beside what its zygote has. @param {string} pid */
const isConfined = (pid) => filters(pid) > filters(parentOf(pid));

/** Runs alike, until the one spare is confined as they were. @param {any} t @param {() => Promise<any>} run */
async function expecting(t, run) {
  for (let i = 0; i < 100; i++) {
    const [pid] = await spares(t, run, 1);
    for (let looks = 0; looks < 20 && isAlive(pid); looks++) {
      if (isConfined(pid)) return pid;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  throw new Error('No spare was confined ahead.');
}

t.test('after runs alike a spare is confined before its run', { skip }, async (t) => {
  const { run } = setUp(t, ownPid, { spares: 1 });
  t.match(await run(0), { ok: true });
  const [open] = await spares(t, () => run(0), 1);
  t.notOk(isConfined(open), 'not after the first: others may come');
  const served = innerPid(await expecting(t, () => run(0)));
  t.match(await run(0), { ok: true, data: served });
});

const single = skip || (preloaded && 'each view has a zygote of its own');
t.test('one that is confined to a view serves no run of another', { skip: single }, async (t) => {
  const looks = handler(`
    const fs = await import('node:fs');
    try { return [process.cwd(), fs.readFileSync(input, 'utf8')]; }
    catch (error) { return [process.cwd(), error.code]; }`);
  const dirs = [1, 2].map(() => project(t, { 'handler.mjs': looks, secret: 'its own' }));
  const runner = forking(t, { execution: { spares: 1 } });
  const run = (/** @type {string} */ workdir, /** @type {string} */ of) =>
    runner.run(ref, path.join(of, 'secret'), { requestId: 'r', workdir });
  const [one, other] = dirs;
  for (let i = 0; i < 2; i++) {
    await expecting(t, () => run(one, one));
    t.match(await run(other, other), { ok: true, data: [other, 'its own'] });
    await expecting(t, () => run(one, one));
    const { data } = await run(other, one);
    t.match(data[1], /^(EACCES|ENOENT)$/, 'nor does it see what the others may');
  }
});

t.test('what changed since a spare was confined', { skip }, async (t) => {
  const pluginRoot = project(t, { 'handler.mjs': handler('return 1;') });
  const workdir = path.join(project(t, { x: '' }), 'work');
  fs.mkdirSync(workdir);
  const runner = forking(t, { execution: { spares: 1 } });
  const run = () => runner.run(ref, 0, { requestId: 'r', workdir, pluginRoot });
  await expecting(t, run);
  fs.rmdirSync(workdir);
  t.match(await run(), { ok: false, error: { code: 'VALIDATION_ERROR' } });
  fs.mkdirSync(workdir);
  t.match(await run(), { ok: true, data: 1 });
  await expecting(t, run);
  fs.writeFileSync(path.join(pluginRoot, 'new'), handler('return 2;'));
  fs.renameSync(path.join(pluginRoot, 'new'), path.join(pluginRoot, 'handler.mjs'));
  t.match(await run(), { ok: true, data: 2 });
  await expecting(t, run);
  fs.writeFileSync(path.join(pluginRoot, 'handler.mjs'), handler('return 3;'));
  t.match(await run(), { ok: true, data: 3 });
});

const ownTmp = skip || (preloaded && 'guests of a zygote that preloads have no /tmp of their own');
t.test('a spare that is confined keeps what it is given', { skip: ownTmp }, async (t) => {
  const body = handler(`
    const fs = await import('node:fs');
    const before = fs.readdirSync('/tmp');
    fs.writeFileSync('/tmp/mine', '');
    console.log(input);
    return [before, process.env.TRACEPARENT];`);
  const { runner, run } = setUp(t, body, { spares: 1 });
  await expecting(t, () => run('line'));
  const workdir = project(t, body);
  const traceId = 'a'.repeat(32);
  const ctx = { requestId: 'r', workdir, traceId, spanId: 'b'.repeat(16) };
  const again = () => runner.run(ref, 'line', ctx);
  await expecting(t, again);
  const { data, logs } = await again();
  t.notOk(data[0].includes('mine'), 'a /tmp of its own');
  t.match(data[1], traceId);
  t.same(logs, ['line']);
});
