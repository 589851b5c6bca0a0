// execution.preload: what is loaded once, what of it a guest sees, and what happens when it fails.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import t from 'tap';
import { handler, processesWith, project, sandbox, until } from '../run/helper.js';
import { forking, hasNamespaces, zygotes } from './helper.js';

/** @typedef {Record<string, any>} Any */

/**
 * Runs of `handle` of a project's handler, in its directory.
 *
 * @param {any} runner @param {string} dir @param {string} [file] @param {Any} [ctx]
 */
function runsIn(runner, dir, file = './handler.mjs', ctx = {}) {
  return (/** @type {unknown} */ input = undefined) =>
    runner.run({ file, export: 'handle' }, input, { requestId: 'r', workdir: dir, ...ctx });
}

/** Counts how often it was loaded, by a warm-up what it did there. */
const counting = `
  globalThis.loads = (globalThis.loads ?? 0) + 1;
  export let warm = 0;
  export async function warmup() {
    await new Promise((resolve) => setTimeout(resolve, 5));
    warm = process.pid;
  }
  export async function handle() {
    return { loads: globalThis.loads, warm, pid: process.pid };
  }`;
const countingCjs = counting
  .replace('export let', 'let')
  .replaceAll('export async', 'async')
  .concat('\nexports.warmup = warmup; exports.handle = handle;');

if (!hasNamespaces()) {
  t.equal(process.env.SBX_MUST_WORK, undefined);
  t.test('without namespaces runs are spawned, and isolation() says why', async (t) => {
    const runner = sandbox(t, { startup: 'fork', execution: { preload: ['./handler.mjs'] } });
    const { ok, metrics } = await runsIn(runner, project(t, counting))();
    t.ok(ok);
    t.equal(metrics.startup, 'spawn');
    t.match(runner.isolation().startupReason, /execution\.preload needs/);
  });
  t.bailout('the rest needs namespaces');
}

const control = fs.readFileSync(new URL('../../src/core/control.h', import.meta.url), 'utf8');
const [, version] = /define SBX_CTL_VERSION (\d+)/.exec(control) ?? [];

/** Says something on the zygote's control socket: how many spares it has, which changes all the time. */
const saying = `
  import fs from 'node:fs';
  const n = Number(fs.readFileSync(new URL('./n', import.meta.url), 'utf8'));
  const message = Buffer.alloc(24);
  message.writeUInt32LE(${version}, 0);
  message.writeUInt32LE(12, 4);
  const from = performance.now();
  for (let i = 0; i < n; i++) {
    message[16] = i & 1;
    fs.writeSync(3, message);
  }
  globalThis.said = { ms: performance.now() - from, by: Math.random() };
  export const handle = () => globalThis.said;`;

t.test(
  'a module that says more than a zygote has to is heard no faster, and retired',
  async (t) => {
    const runner = sandbox(t, { startup: 'fork', execution: { preload: ['./handler.mjs'] } });
    const of = async (/** @type {number} */ n) => {
      const go = runsIn(runner, project(t, { 'handler.mjs': saying, n: String(n) }));
      return [await go(), await go()].map(({ data, error }) => data ?? { error });
    };
    const [one, other] = await of(500);
    t.equal(one.by, other.by, 'so much is nothing: both runs are of one zygote');
    const [first, second] = await of(8000);
    // 2,000 at once, 2,000 a second, and what the socket holds.
    t.ok(first.ms > 2000, `8,000 messages take ${Math.round(first.ms)} ms`, first);
    t.not(first.by, second.by, 'the next run is of another zygote');
  },
);

t.test("a handler's own file", async (t) => {
  const files = {
    'a.mjs': counting,
    'b.cjs': countingCjs,
    'top-level.mjs': `await new Promise((r) => setTimeout(r, 5));\n${counting}`,
    'dist/built.js': countingCjs,
  };
  const dir = project(t, files);
  for (const [file, named] of [
    ['./a.mjs', './a.mjs'],
    ['a', './a'],
    ['./b.cjs', `${dir}/b.cjs`],
    ['./top-level.mjs', `file://${dir}/top-level.mjs`],
    ['./built.js', './built'],
  ]) {
    const runner = forking(t, { execution: { preload: [named] } });
    const run = runsIn(runner, dir, file);
    for (let i = 0; i < 2; i++) {
      const { data, error, metrics } = await run();
      t.equal(error, undefined, `${named}: ${JSON.stringify(error)}`);
      t.equal(metrics.startup, 'fork');
      t.equal(data.loads, 1, 'loaded once, by the zygote');
      t.not(data.warm, 0, 'warm');
      t.not(data.warm, data.pid, 'in another process');
    }
    await runner.dispose();
  }
});

t.test('packages, and files elsewhere', async (t) => {
  const elsewhere = project(t, {
    'package.json': '{"type":"module"}',
    'shared.js': 'globalThis.shared = import.meta.url; import "./more.js";',
    'more.js': 'globalThis.more = 1;',
  });
  const dir = project(t, {
    'package.json': '{"type":"module"}',
    'node_modules/es/package.json':
      '{"type":"module","exports":{"import":"./i.js","default":"./d.cjs"}}',
    'node_modules/es/i.js': 'export default (globalThis.es = (globalThis.es ?? 0) + 1);',
    'node_modules/es/d.cjs': 'globalThis.wrong = 1;',
    'node_modules/cjs/package.json': '{"main":"./m.js"}',
    'node_modules/cjs/m.js': 'globalThis.cjs = (globalThis.cjs ?? 0) + 1;',
    'handler.js': `import 'es'; import 'cjs';
      export const handle = () => [es, cjs, globalThis.wrong, more, shared.startsWith('file:')];`,
  });
  const runner = forking(t, {
    execution: { preload: ['es', 'cjs', 'node:zlib', `${elsewhere}/shared.js`] },
  });
  const { data, error } = await runsIn(runner, dir, './handler.js')();
  t.same(data, [1, 1, null, 1, true], JSON.stringify(error));
});

t.test('what a guest does to it is its own', async (t) => {
  const body = `
    export const state = { list: [], map: new Map() };
    export let counter = 0;
    export async function handle() {
      const before = [state.list.length, state.map.size, counter, [].evil, {}.evil,
        globalThis.evil, process.env.EVIL, JSON.stringify({}), path.evil, 'x'.evil];
      state.list.push(1); state.map.set(1, 1); counter++;
      Array.prototype.evil = Object.prototype.evil = String.prototype.evil = 1;
      globalThis.evil = 1; process.env.EVIL = '1'; path.evil = 1;
      JSON.stringify = () => 'evil';
      handle.evil = 1;
      setInterval(() => {}, 1);
      return before;
    }`;
  const dir = project(t, {
    'handler.mjs': `import path from 'node:path';\n${body}`,
    'handler.cjs': `const path = require('node:path');\n${body.replaceAll('export ', '')}\nexports.handle = handle;`,
  });
  for (const file of ['./handler.mjs', './handler.cjs']) {
    const run = runsIn(forking(t, { execution: { preload: [file], concurrency: 4 } }), dir, file);
    const results = [await run(), await run(), ...(await Promise.all([run(), run(), run()]))];
    for (const { data, error } of results)
      t.same(data, [0, 0, 0, null, null, null, null, '{}', null, null], JSON.stringify(error));
  }
});

t.test('what it can do is what its runs can', async (t) => {
  const secret = project(t, { secret: 'of the host' });
  const out = project(t, { x: '' });
  fs.chmodSync(out, 0o777);
  const server = net.createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const { port } = /** @type {any} */ (server.address());
  process.env.SBX_TEST_HIDDEN = 'x';
  const dir = project(t, {
    'handler.mjs': `
      import fs from 'node:fs';
      import net from 'node:net';
      import dgram from 'node:dgram';
      import { spawnSync } from 'node:child_process';
      const tried = {};
      const attempt = async (name, act) => {
        try { tried[name] = (await act()) ?? 'done'; } catch (error) { tried[name] = error.code ?? error.message; }
      };
      await attempt('own file', () => fs.readFileSync(new URL(import.meta.url), 'utf8').length > 0);
      await attempt('secret', () => fs.readFileSync('${secret}/secret', 'utf8'));
      await attempt('passwd', () => fs.readFileSync('/etc/passwd', 'utf8').length);
      await attempt('list', () => fs.readdirSync('/').filter((name) => ['home', 'root', 'var'].includes(name)));
      await attempt('write here', () => fs.writeFileSync('${dir0(t)}', 'x'));
      await attempt('write there', () => fs.writeFileSync('${out}/preloaded', 'x'));
      await attempt('tmp', () => fs.writeFileSync('/tmp/preloaded', 'x'));
      await attempt('proc', () => fs.writeFileSync('/proc/self/oom_score_adj', '-1000'));
      await attempt('connect', () => new Promise((resolve, reject) => {
        net.connect(${port}, '127.0.0.1').on('connect', () => resolve('connected')).on('error', reject);
      }));
      await attempt('udp', () => new Promise((resolve, reject) => {
        dgram.createSocket('udp4').on('error', reject).send('x', 53, '127.0.0.1', (e) => (e ? reject(e) : resolve('sent')));
      }));
      await attempt('exec', () => { const { error } = spawnSync('/bin/sh', ['-c', 'true']); if (error) throw error; });
      await attempt('kill init', () => process.kill(1, 'SIGKILL') && 'sent');
      await attempt('kill host', () => process.kill(${process.pid}, 'SIGTERM') && 'killed');
      await attempt('environment', () => Object.keys(process.env).includes('SBX_TEST_HIDDEN') && 'seen');
      await attempt('host memory', () => fs.readFileSync('/proc/${process.ppid}/environ').length);
      export const handle = () => ({ tried, uid: process.getuid() });`,
  });
  const run = runsIn(forking(t, { execution: { preload: ['./handler.mjs'] } }), dir);
  const { data, error } = await run();
  t.equal(error, undefined, JSON.stringify(error));
  const { tried } = data;
  t.equal(tried['own file'], true);
  t.not(data.uid, 0);
  for (const name of ['secret', 'write here', 'write there', 'tmp', 'proc', 'exec', 'host memory'])
    t.match(tried[name], /^(EACCES|ENOENT|EROFS|EPERM|ESRCH)$/, name);
  t.match(tried.passwd, /^(EACCES|ENOENT)$/);
  t.ok(tried.list === 'EACCES' || tried.list.length === 0, JSON.stringify(tried.list));
  t.match(tried.connect, /^(EACCES|ENETUNREACH|ECONNREFUSED|EPERM)$/);
  t.match(tried.udp, /^(EACCES|ENETUNREACH|EPERM)$/);
  t.equal(tried.environment, false);
  // Init is PID 1 of the namespace, to which such a signal does nothing; the host has no number there.
  t.not(tried['kill host'], 'killed');
  t.notOk(fs.existsSync(`${out}/preloaded`));
  t.ok((await run()).ok, 'and it still forks');
});

/** A path beside the project that is under way. @param {any} t */
function dir0(t) {
  return path.join(project(t, { x: '' }), 'written');
}

t.test('the processes it starts are bounded, and end with it', async (t) => {
  const mark = `sandbox-preload-${process.pid}`;
  const dir = project(
    t,
    `import { spawn } from 'node:child_process';
     import { once } from 'node:events';
     export let started = 0;
     export let code;
     const root = ${process.getuid?.() === 0};
     while (started < (root ? 2 : 200) && code === undefined) {
       const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', '${mark}'], { stdio: 'ignore' });
       child.unref();
       try { await once(child, 'spawn'); started++; } catch (error) { code = error.code; }
     }
     export const handle = () => [started, code];`,
  );
  // Else their threads are too many first.
  const execution = { preload: ['./handler.mjs'], concurrency: 1, maxThreads: 100_000 };
  const runner = forking(t, { execution });
  const { data, error } = await runsIn(runner, dir)();
  t.equal(error, undefined, JSON.stringify(error));
  // The kernel does not count the processes of a host that is root.
  if (process.getuid?.() === 0) t.equal(data[0], 2);
  else t.match(data, [Number, 'EAGAIN']);
  t.ok(processesWith(mark).length > 0, 'they are there');
  await runner.dispose();
  t.same(processesWith(mark), []);
});

const failing = {
  throws: ["throw new RangeError('on purpose');", 'HANDLER_ERROR', /RangeError: on purpose/],
  rejects: ["await Promise.reject(new Error('rejected'));", 'HANDLER_ERROR', /rejected/],
  'throws later': [
    "setTimeout(() => { throw new Error('later'); }, 1); await new Promise((r) => setTimeout(r, 1e5));",
    'HANDLER_ERROR',
    /later/,
  ],
  'fails to warm up': [
    "export async function warmup() { throw new Error('cold'); }",
    'HANDLER_ERROR',
    /cold/,
  ],
  exits: ['process.exit(7);', 'HANDLER_ERROR', /exit code 7/],
  'ends at once': ['process.reallyExit(8);', 'HANDLER_ERROR', /exit code 8/],
  'runs dry': ['await new Promise(() => {});', 'HANDLER_ERROR', /before everything was loaded/],
  aborts: ['process.abort();', 'HANDLER_ERROR', /signal/],
  'kills itself': ["process.kill(process.pid, 'SIGKILL');", 'HANDLER_ERROR', /signal 9/],
  'is no JavaScript': ['const = 1;', 'HANDLER_ERROR', /SyntaxError/],
  'leaves a file open': [
    "import fs from 'node:fs'; fs.openSync(new URL(import.meta.url));",
    'HANDLER_ERROR',
    /left a file or a socket open/,
  ],
  hangs: ['setInterval(() => {}, 1000); await new Promise(() => {});', 'TIMEOUT', /took longer/],
  'never ends': ["process.on('SIGTERM', () => {}); for (;;);", 'TIMEOUT', /took longer/],
  'takes all memory': [
    'const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1));',
    /^(MEMORY_LIMIT|HANDLER_ERROR)$/,
    /memory|allocation|signal/i,
  ],
};

t.test('one that fails is the error of each run', async (t) => {
  for (const [name, [text, code, message]] of Object.entries(failing)) {
    const late = code === 'TIMEOUT';
    const execution = {
      preload: ['./bad.mjs'],
      preloadTimeoutMs: late ? 1500 : 30_000,
      memoryMb: 64,
    };
    const dir = project(t, { 'bad.mjs': String(text), 'handler.mjs': handler('return 1;') });
    const runner = forking(t, { execution });
    const run = runsIn(runner, dir);
    for (const { ok, error } of [...(await Promise.all([run(), run()])), await run()]) {
      t.notOk(ok, name);
      t.match(error, { code, message }, `${name}: ${JSON.stringify(error)}`);
      if (error?.code !== 'MEMORY_LIMIT') t.equal(error?.details?.phase, 'preload', name);
    }
    await runner.dispose();
    t.same(zygotes(), [], `nothing is left of one that ${name}`);
  }
});

t.test('one that starts more threads than a run may have', async (t) => {
  const text = `import { Worker } from 'node:worker_threads';
    for (let i = 0; i < 30; i++) new Worker('setInterval(() => {}, 1000)', { eval: true });
    await new Promise((resolve) => setTimeout(resolve, 60_000));`;
  const dir = project(t, { 'bad.mjs': text, 'handler.mjs': handler('return 1;') });
  const run = runsIn(forking(t, { execution: { preload: ['./bad.mjs'], maxThreads: 24 } }), dir);
  t.match(await run(), {
    ok: false,
    error: { code: 'THREAD_LIMIT', details: { maxThreads: 24, phase: 'preload' } },
  });
});

t.test('a missing one', async (t) => {
  const dir = project(t, handler('return 1;'));
  for (const name of ['./none.mjs', 'no-such-package', '/nowhere/none.js', 'file:///nowhere']) {
    const { error } = await runsIn(forking(t, { execution: { preload: [name] } }), dir)();
    t.match(error, { code: 'HANDLER_ERROR', details: { phase: 'preload' } }, name);
    t.match(error.message, name.slice(-10));
  }
});

t.test("under 'auto' a run goes on without, and isolation() says why", async (t) => {
  const dir = project(t, { 'bad.mjs': 'throw 1;', 'handler.mjs': handler('return 1;') });
  const runner = sandbox(t, { startup: 'auto', execution: { preload: ['./bad.mjs'] } });
  const run = runsIn(runner, dir);
  t.ok((await run()).ok);
  await until(() => /could not be forked/.test(runner.isolation().startupReason), 'a failed trial');
  t.match(runner.isolation(), { startup: 'spawn', startupReason: /execution\.preload.*bad/ });
  const { ok, metrics } = await run();
  t.ok(ok);
  t.equal(metrics.startup, 'spawn');
});

t.test("under 'auto' it is loaded behind the first run", async (t) => {
  const runner = sandbox(t, { startup: 'auto', execution: { preload: ['./handler.mjs'] } });
  const run = runsIn(runner, project(t, counting));
  t.match(await run(), { ok: true, metrics: { startup: 'spawn' }, data: { loads: 1, warm: 0 } });
  let last;
  await untilAsync(async () => (last = await run()).metrics.startup === 'fork', 'a forked run');
  t.equal(last.data.loads, 1);
  t.not(last.data.warm, 0);
});

/** @param {() => Promise<boolean>} condition @param {string} what */
async function untilAsync(condition, what) {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`It never came to be: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

t.test('what it prints goes nowhere, however much', async (t) => {
  const text = `for (let i = 0; i < 1e4; i++) console.log('x'.repeat(1e3)), console.error('y');\n${counting}`;
  const runner = forking(t, { execution: { preload: ['./handler.mjs'] } });
  t.match(await runsIn(runner, project(t, text))(), { ok: true, logs: [], data: { loads: 1 } });
});

t.test('a file that was changed is loaded anew', async (t) => {
  for (const type of ['mjs', 'cjs']) {
    const other = (/** @type {number} */ version) =>
      type === 'mjs' ? `export default ${version};` : `module.exports = ${version};`;
    const own = (/** @type {number} */ version) =>
      type === 'mjs'
        ? `import other from './other.mjs'; export const handle = () => [${version}, other];`
        : `const other = require('./other.cjs'); exports.handle = () => [${version}, other];`;
    const dir = project(t, { [`handler.${type}`]: own(1), [`other.${type}`]: other(1) });
    const runner = forking(t, { execution: { preload: [`./handler.${type}`] } });
    const run = runsIn(runner, dir, `./handler.${type}`);
    t.same((await run()).data, [1, 1]);
    const is = async (/** @type {number[]} */ want) => {
      const { data, error } = await run();
      if (error) throw new Error(JSON.stringify(error));
      return JSON.stringify(data) === JSON.stringify(want);
    };
    // The list of what was loaded comes behind the first run.
    await until(() => zygotes().length === 1, 'one zygote');
    fs.writeFileSync(path.join(dir, `other.${type}`), other(2));
    await untilAsync(() => is([1, 2]), 'the new dependency');
    fs.writeFileSync(path.join(dir, `new.${type}`), own(3));
    fs.renameSync(path.join(dir, `new.${type}`), path.join(dir, `handler.${type}`));
    await untilAsync(() => is([3, 2]), 'the new handler');
    await until(() => zygotes().length === 1, 'the old zygotes are gone');
    await runner.dispose();
    t.same(zygotes(), []);
  }
});

t.test('runs that go on when a file is changed end well', async (t) => {
  const text = (/** @type {number} */ version) =>
    `import fs from 'node:fs';
     export async function handle(input, ctx) {
       if (input === 'wait') {
         fs.writeFileSync(ctx.outdir + '/begun', '');
         while (!fs.existsSync(ctx.outdir + '/go')) await new Promise((r) => setTimeout(r, 10));
       }
       return ${version};
     }`;
  const dir = project(t, { 'handler.mjs': text(1), 'out/x': '' });
  fs.chmodSync(`${dir}/out`, 0o777);
  const runner = forking(t, { execution: { preload: ['./handler.mjs'], concurrency: 4 } });
  const run = runsIn(runner, dir, './handler.mjs', { outdir: `${dir}/out` });
  const going = run('wait');
  await until(() => fs.existsSync(`${dir}/out/begun`), 'a run that waits');
  fs.writeFileSync(path.join(dir, 'handler.mjs'), text(2));
  await untilAsync(async () => (await run()).data === 2, 'the new handler');
  fs.writeFileSync(`${dir}/out/go`, '');
  t.match(await going, { ok: true, data: 1 });
});

t.test('a zygote that dies, or has forked enough, is replaced', async (t) => {
  const text = `${counting}
    export const wait = () => new Promise((resolve) => setTimeout(resolve, 1e6));`;
  const dir = project(t, text);
  const execution = { preload: ['./handler.mjs'], maxForks: 3, concurrency: 4 };
  const runner = forking(t, { execution });
  const run = runsIn(runner, dir);
  const seen = new Set();
  for (let i = 0; i < 8; i++) {
    t.match(await run(), { ok: true, data: { loads: 1 } });
    for (const pid of zygotes()) seen.add(pid);
  }
  t.ok(seen.size >= 2, `${seen.size} zygotes`);
  const going = runner.run({ file: './handler.mjs', export: 'wait' }, 0, {
    requestId: 'r',
    workdir: dir,
  });
  await run();
  for (const pid of zygotes()) process.kill(Number(pid), 'SIGKILL');
  t.match(await going, { ok: false, error: { code: 'PROCESS_CRASHED' } });
  t.match(await run(), { ok: true, data: { loads: 1 } });
});

t.test('runs with other paths have another zygote', async (t) => {
  const text = `
    import fs from 'node:fs';
    globalThis.loads = (globalThis.loads ?? 0) + 1;
    export function handle(input, ctx) {
      const can = (dir) => { try { fs.writeFileSync(dir + '/x', ''); return true; } catch { return false; } };
      return [globalThis.loads, can(ctx.outdir), can(input)];
    }`;
  const runner = forking(t, { execution: { preload: ['./handler.mjs'] } });
  const root = project(t, { 'handler.mjs': text });
  const outs = Array.from({ length: 10 }, () => project(t, { x: '' }));
  for (const out of outs) fs.chmodSync(out, 0o777);
  for (const out of outs)
    for (const file of fs.readdirSync(out)) fs.chmodSync(`${out}/${file}`, 0o666);
  for (const [i, out] of outs.entries()) {
    const other = outs[(i + 1) % outs.length];
    const { data, error } = await runsIn(runner, root, './handler.mjs', { outdir: out })(other);
    t.same(data, [1, true, false], JSON.stringify(error));
  }
  await until(() => zygotes().length <= 8, 'at most eight zygotes');
  const { data } = await runsIn(runner, root, './handler.mjs', { outdir: outs[9] })(outs[0]);
  t.same(data, [1, true, false]);
});

t.test('what was left in /tmp is not there for the next', async (t) => {
  const dir = project(
    t,
    handler(`
      const fs = await import('node:fs');
      const left = fs.existsSync('/tmp/left');
      try { fs.writeFileSync('/tmp/left', 'x'); } catch (error) { return [left, error.code]; }
      return [left];`),
  );
  const run = runsIn(forking(t, { execution: { preload: ['./handler.mjs'] } }), dir);
  for (let i = 0; i < 2; i++) t.equal((await run()).data[0], false);
});

t.test('limits of a run hold beside what was preloaded', async (t) => {
  const dir = project(t, {
    'handler.mjs': `
      export const kept = Array.from({ length: 3e5 }, (_, i) => ({ i }));
      export function handle() {
        const all = [];
        for (;;) all.push(Buffer.alloc(1 << 20, 1));
      }
      export const loop = () => { for (;;); };
      export const fine = () => kept.length;`,
  });
  const runner = forking(t, {
    execution: { preload: ['./handler.mjs'], memoryMb: 128, timeoutMs: 20_000, cpuMs: 1500 },
  });
  const call = (/** @type {string} */ name) =>
    runner.run({ file: './handler.mjs', export: name }, 0, { requestId: 'r', workdir: dir });
  t.match(await call('fine'), { ok: true, data: 3e5 });
  t.match(await call('handle'), { ok: false, error: { code: 'MEMORY_LIMIT' } });
  t.match(await call('loop'), { ok: false, error: { code: 'CPU_LIMIT' } });
  t.match(await call('fine'), { ok: true, data: 3e5 });
});

t.test('with what has to be spawned it is loaded by the handler as usual', async (t) => {
  const runner = forking(t, {
    execution: { preload: ['./handler.mjs'] },
    permissions: { capabilities: ['process:spawn'] },
  });
  const { data, metrics } = await runsIn(runner, project(t, counting))();
  t.equal(metrics.startup, 'spawn');
  t.match(data, { loads: 1, warm: 0 });
  t.match(runner.isolation(), { startup: 'spawn', startupReason: /process:spawn/ });
});
