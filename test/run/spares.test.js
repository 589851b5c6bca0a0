// Guests that are spawned ahead of demand, for handlers that `startup: 'auto'` has found to compute for
// long. Here it takes every handler for one.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { CpuHistory } from '../../lib/learning.js';
import { handler, processesWith, project, sandbox, until } from './helper.js';

t.setTimeout(120_000);
CpuHistory.prototype.isLong = () => true;

const ref = { file: './handler.mjs', export: 'handle' };

/** Seconds since the process was started, whatever its clocks say. */
const AGE = `
  const { readFileSync } = await import('node:fs');
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const age = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) - ticks / 100;`;

const rest = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @param {any} t @param {string} body of the handler
 * @param {import('../../lib/index.js').SandboxConfig} [config]
 */
function setUp(t, body, config) {
  const runner = sandbox(t, {
    startup: 'auto',
    ...config,
    execution: { spares: 1, ...config?.execution },
  });
  const workdir = project(t, handler(body));
  const run = (/** @type {any} */ input, /** @type {object} */ ctx = {}) =>
    runner.run(ref, input, { requestId: 'r', workdir, ...ctx });
  return { runner, workdir, run };
}

/** The guests in a directory, and no init of theirs. @param {string} dir */
function guestsIn(dir) {
  return fs.readdirSync('/proc').filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        fs.readlinkSync(`/proc/${pid}/cwd`) === dir &&
        fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('start.cjs')
      );
    } catch {
      return false; // It ended in between, or is another user's.
    }
  });
}

/**
 * Runs until there is a spare that has started to wait.
 *
 * @param {ReturnType<typeof setUp>} setUp @param {any} [input]
 */
async function prepare({ runner, workdir, run }, input) {
  for (;;) {
    const [pid] = guestsIn(workdir);
    if (pid && runner.stats().spares > 0) return pid;
    t.match(await run(input), { ok: true });
    await rest(20);
  }
}

t.test('a run takes the spare, and another waits for the next', async (t) => {
  const body = `${AGE}
    const begun = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { age, uptime: process.uptime(), begun, origin: performance.timeOrigin,
      slept: performance.now() - begun, trace: process.env.TRACEPARENT, input };`;
  const all = setUp(t, body, { monitoring: { collectTraces: true } });
  const { runner, run } = all;
  t.match(await run(0), { ok: true, metrics: { startup: 'spawn' } });
  for (let i = 0; i < 2; i++) {
    await prepare(all, 0);
    await rest(550);
    t.match(runner.stats(), { guests: 0, running: 0 }, 'it is no run');
    t.equal(guestsIn(all.workdir).length, 1);
    t.ok(runner.stats().spares >= 1);
    const before = Date.now();
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
    const { data, metrics, traces } = await run(i, trace);
    t.ok(data.age > 0.5, `a process of ${data.age} s`);
    t.ok(data.uptime < data.age && data.begun < data.age * 1000, 'clocks that begin with the run');
    t.ok(data.origin >= before - 20 && data.slept >= 49);
    t.match(data, { input: i, trace: /^00-a{32}-/ });
    t.equal(metrics.startup, 'spawn');
    t.ok(metrics.cpuMs > 10 && metrics.memMb > 10, 'of the whole process');
    t.ok(traces.every((/** @type {any} */ { startTime }) => startTime >= before - 20));
    t.equal(runner.isolation().mode, 'subprocess');
  }
  await runner.dispose();
  t.equal(runner.stats().spares, 0);
  t.same(processesWith(all.workdir), [], 'none outlives its runner');
});

t.test('its limits are those of the run', async (t) => {
  const body = `
    if (input === 'hold') { const all = []; for (;;) all.push(new Array(1e5).fill(1.5)); }
    if (input === 'burn') for (;;);
    if (input === 'read') return (await import('node:fs')).readFileSync('/etc/hostname', 'utf8');
    if (input === 'write') (await import('node:fs')).writeFileSync('x', 'x');
    if (input === 'connect') return (await fetch('http://127.0.0.1:9/')).status;
    if (typeof input === 'number') await new Promise((resolve) => setTimeout(resolve, input));
    return 1;`;
  const all = setUp(t, body, { execution: { timeoutMs: 2400, memoryMb: 64 } });
  const { run } = all;
  const fails = async (/** @type {any} */ input, /** @type {string} */ code) => {
    await prepare(all);
    t.match(await run(input), { ok: false, error: { code } }, `${input}: ${code}`);
  };
  await prepare(all);
  await rest(1500);
  t.match(await run(1000), { ok: true }, 'older than its deadline, which begins with the run');
  await fails(30_000, 'TIMEOUT');
  await fails('hold', 'MEMORY_LIMIT');
  await fails('read', 'PERMISSION_DENIED');
  await fails('write', 'PERMISSION_DENIED');
  await fails('connect', 'HANDLER_ERROR');
  const other = setUp(t, body, { execution: { cpuMs: 1500 } });
  await prepare(other);
  t.match(await other.run('burn'), { ok: false, error: { code: 'CPU_LIMIT' } });
});

t.test('what it says to the host while it runs', async (t) => {
  const body = `
    console.log('line', input);
    ctx.progress(0.5);
    return await ctx.host.call('add', 1, input);`;
  const add = (/** @type {any} */ _, /** @type {number} */ a, /** @type {number} */ b) => a + b;
  const all = setUp(t, body, { host: { add } });
  await prepare(all, 1);
  /** @type {any[]} */
  const seen = [];
  const ctx = {
    onLog: (/** @type {string} */ line) => seen.push(line),
    onProgress: (/** @type {number} */ fraction) => seen.push(fraction),
  };
  t.match(await all.run(2, ctx), { ok: true, data: 3, logs: ['line 2'] });
  t.same(seen.sort(), [0.5, 'line 2']);
  await prepare(all, 1);
  const large = 'x'.repeat(3 << 20);
  t.match(await all.run([large], {}), { ok: true }, 'a large input goes to a fresh one');
});

t.test('a file that was changed since is what it finds', async (t) => {
  const all = setUp(t, 'return 1;');
  const { workdir, run } = all;
  const file = path.join(workdir, 'handler.mjs');
  await prepare(all);
  fs.writeFileSync(file, handler('return 2;'));
  t.match(await run(0), { ok: true, data: 2 }, 'in place');
  await prepare(all);
  fs.writeFileSync(`${file}.new`, handler('return 3;'));
  fs.renameSync(`${file}.new`, file);
  t.match(await run(0), { ok: true, data: 3 }, 'by another');
  const pid = await prepare(all);
  fs.renameSync(workdir, `${workdir}.old`);
  t.teardown(() => fs.rmSync(`${workdir}.old`, { recursive: true }));
  fs.cpSync(`${workdir}.old`, workdir, { recursive: true });
  fs.writeFileSync(file, handler('return 4;'));
  t.match(await run(0), { ok: true, data: 4 }, 'with all that is around it');
  await until(() => !fs.existsSync(`/proc/${pid}`), 'the end of the one that is out of date');
});

t.test('a spare that is dead loses no run', async (t) => {
  const all = setUp(t, 'return input;');
  const first = await prepare(all);
  process.kill(Number(first), 'SIGKILL');
  await until(() => guestsIn(all.workdir).length === 0, 'its end');
  t.match(await all.run(1), { ok: true, data: 1 });
  const second = await prepare(all);
  process.kill(Number(second), 'SIGKILL');
  t.match(await all.run(2), { ok: true, data: 2 }, 'killed in this moment');
  t.match(all.runner.stats(), { outcomes: { OK: all.runner.stats().runs } });
});

t.test('a run that is ended while it is handed over', async (t) => {
  const all = setUp(t, 'if (input) await new Promise(() => setInterval(() => {}, 1000));');
  for (const turns of [0, 5]) {
    await prepare(all);
    const controller = new AbortController();
    const result = all.run(1, { signal: controller.signal });
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    t.match(await result, { ok: false, error: { code: 'ABORTED' } });
  }
  const pid = await prepare(all);
  const controller = new AbortController();
  process.kill(Number(pid), 'SIGKILL');
  const dead = all.run(1, { signal: controller.signal });
  controller.abort();
  t.match(await dead, { ok: false, error: { code: 'ABORTED' } }, 'nor is another one started');
  await prepare(all);
  const running = all.run(1);
  await all.runner.dispose();
  t.match(await running, { ok: false, error: { code: 'DISPOSED' } });
  t.same(processesWith(all.workdir), []);
});

t.test('for runs that are alike', async (t) => {
  const all = setUp(t, `${AGE} return age;`);
  const other = project(t, handler(`${AGE} return [process.cwd(), age];`));
  const pid = await prepare(all);
  const { data } = await all.runner.run(ref, 0, { requestId: 'r', workdir: other });
  t.equal(data[0], other);
  t.ok(fs.existsSync(`/proc/${pid}`), 'it was none for this run');
  t.same(guestsIn(other), [], 'nor is there one more than is asked for');
  t.match(await all.run(0), { ok: true });
});

t.test('a pool that no run has used for a while gives up its place', async (t) => {
  const all = setUp(t, `${AGE} return age;`);
  const other = fs.realpathSync(project(t, handler(`${AGE} return age;`)));
  const pid = await prepare(all);
  await rest(1500);
  t.ok(fs.existsSync(`/proc/${pid}`));
  await all.run(0, { workdir: other });
  await until(() => !fs.existsSync(`/proc/${pid}`) && guestsIn(other).length === 1);
  t.pass('the other has one');
});

t.test("'auto': a working directory that is used once has none", async (t) => {
  const { run } = setUp(t, 'return 1;', { execution: { spares: 'auto' } });
  const dirs = [];
  for (let i = 0; i < 4; i++) {
    const once = fs.realpathSync(project(t, handler('return 1;')));
    t.match(await run(0, { workdir: once }), { ok: true });
    dirs.push(once);
  }
  await rest(200);
  t.same(dirs.flatMap(guestsIn), []);
});

t.test('it is let go when nothing runs', async (t) => {
  const all = setUp(t, 'return 1;');
  const pid = await prepare(all);
  await until(() => !fs.existsSync(`/proc/${pid}`), 'its end');
  t.same(processesWith(all.workdir), []);
});

t.test('where there are none', async (t) => {
  const dir = project(t, { x: '' });
  for (const config of [
    { execution: { spares: 0 } },
    { startup: /** @type {const} */ ('spawn') },
    { permissions: { filesystem: { deny: [dir] } } },
    { permissions: { network: { allow: ['example.com'] } } },
  ]) {
    const { workdir, run } = setUp(t, 'return 1;', config);
    for (let i = 0; i < 3; i++) {
      const { ok, error } = await run(0);
      if (!ok) t.equal(error.code, 'ISOLATION_UNAVAILABLE');
      t.same(guestsIn(workdir), []);
    }
  }
});

t.test("'auto': a few, and none while every processor has a guest", async (t) => {
  const body = 'await new Promise((resolve) => setTimeout(resolve, input)); return process.pid;';
  const all = setUp(t, body, { execution: { spares: 'auto', concurrency: 64 } });
  const { runner, workdir, run } = all;
  await prepare(all, 0);
  const count = os.availableParallelism() + 2;
  const runs = Array.from({ length: count }, () => run(2000));
  await until(() => runner.stats().guests === count, 'all of them');
  await until(() => guestsIn(workdir).length === count, 'in processes');
  await rest(100);
  t.equal(guestsIn(workdir).length, count, 'and none beside them');
  t.ok((await Promise.all(runs)).every(({ ok }) => ok));
  await until(() => guestsIn(workdir).length > 0, 'one, now that there is time');
  t.ok(guestsIn(workdir).length <= 2);
});
