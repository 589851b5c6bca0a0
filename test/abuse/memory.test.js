// Abuse cases 27 to 35, memory, processes and threads: the controls, and what
// test/run/limits.test.js leaves out.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import t from 'tap';
import { handler, processesWith, run, sandbox, spawning } from '../run/helper.js';
import { unconfined } from './helper.js';
import { needs } from '../needs.js';

/** Each needs about 250 MiB and then returns. */
const programs = {
  'the heap': `const a = []; while (process.memoryUsage().heapUsed < 250 * 2 ** 20) for (let i = 0; i < 1e4; i++) a.push({ a: [a.length] }); return a.length > 0;`,
  Buffers: `const a = []; for (let i = 0; i < 250; i++) a.push(Buffer.alloc(1 << 20, 1)); return a.length > 0;`,
  SharedArrayBuffers: `const a = []; for (let i = 0; i < 25; i++) a.push(new Uint8Array(new SharedArrayBuffer(10 << 20)).fill(1)); return a.length > 0;`,
  'WebAssembly memory': `const m = new WebAssembly.Memory({ initial: 4000, maximum: 4000 }); new Uint8Array(m.buffer).fill(1); return true;`,
  strings: `const a = []; for (let i = 0; i < 250; i++) a.push(Buffer.alloc(1 << 20, 65 + (i % 26)).toString('latin1')); return a.length > 0;`,
  'an array filled by index': `const a = new Array(3e7); for (let i = 0; i < 3e7; i++) a[i] = i; return a.length > 0;`,
  'a spread': `return [...'.'.repeat(3e7)].length > 0;`,
  'JSON.parse': `return JSON.parse('[' + '{"a":[1]},'.repeat(15e5) + '1]').length > 0;`,
};

t.test('27 to 30. the control: with a higher limit the same is allowed', async (t) => {
  const small = sandbox(t, { execution: { memoryMb: 128, concurrency: 2 } });
  const large = sandbox(t, { execution: { memoryMb: 1024, concurrency: 2 } });
  await Promise.all(
    Object.entries(programs).map(async ([name, body]) => {
      const over = await run(t, handler(body), { runner: small });
      t.equal(over.error?.code, 'MEMORY_LIMIT', `${name}: ${JSON.stringify(over.error)}`);
      const within = await run(t, handler(body), { runner: large });
      t.equal(within.data, true, `${name}: ${JSON.stringify(within.error)}`);
    }),
  );
});

t.test('28. the control: WebAssembly without the loop returns', async (t) => {
  // (module (func (export "f") (loop)))
  const bytes = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 7, 1, 5,
    0, 3, 64, 11, 11,
  ];
  const body = `(await WebAssembly.instantiate(new Uint8Array([${bytes}]))).instance.exports.f(); return 1;`;
  t.match(await run(t, handler(body)), { ok: true, data: 1 });
});

t.test('30. a parser that overflows', async (t) => {
  const runner = sandbox(t, { execution: { memoryMb: 128 } });
  const long = await run(t, handler(`return eval('1'.repeat(4e8));`), { runner });
  t.match(long, { ok: false, error: { code: 'MEMORY_LIMIT' } });
  // Its stack is V8's to guard: an exception, and the process lives.
  const deep = await run(t, handler(`return eval('['.repeat(1e6));`), { runner });
  t.match(deep, { ok: false, error: { code: 'HANDLER_ERROR' } });
  const recursion = await run(t, handler('const f = () => f() + 1; return f();'), { runner });
  t.match(recursion, { ok: false, error: { code: 'HANDLER_ERROR', name: 'RangeError' } });
  const short = await run(t, handler(`return eval('1'.repeat(100)) > 1;`), { runner });
  t.match(short, { ok: true, data: true });
});

const workers = (/** @type {number} */ count, /** @type {string} */ source) =>
  handler(`
    const { Worker } = await import('node:worker_threads');
    const start = () => new Promise((resolve, reject) => {
      const worker = new Worker(${JSON.stringify(source)}, { eval: true,
        resourceLimits: { maxOldGenerationSizeMb: 16384 } });
      worker.once('error', reject).once('exit', resolve);
    });
    return (await Promise.all(Array.from({ length: ${count} }, start))).join();`);

t.test('31. heaps of workers count together', async (t) => {
  const some = `const a = []; for (let i = 0; i < 6e5; i++) a.push({ a: [i] }); process.exit(0)`;
  const config = (/** @type {number} */ memoryMb) => ({ execution: { memoryMb } });
  const four = await run(t, workers(4, some), { config: config(128) });
  t.equal(four.error?.code, 'MEMORY_LIMIT', JSON.stringify(four));
  const allowed = await run(t, workers(4, some), { config: config(1024) });
  t.equal(allowed.data, '0,0,0,0', JSON.stringify(allowed.error));
});

t.test('32. a limit cannot be raised from inside', async (t) => {
  // To what a process without such limits may still ask for.
  const raise = handler(`
    const { spawnSync } = await import('node:child_process');
    const raised = {};
    for (const [flag, value] of Object.entries({ d: 'unlimited', f: 'unlimited', n: '200' })) {
      const { status, error } = spawnSync('/bin/sh', ['-c', 'ulimit -' + flag + ' ' + value]);
      if (error) throw error;
      raised[flag] = status === 0;
    }
    return raised;`);
  const config = {
    permissions: spawning,
    execution: { memoryMb: 256, maxOpenFiles: 128, maxFileSizeMb: 1 },
  };
  const { data, error } = await run(t, raise, { config });
  t.same(data, { d: false, f: false, n: false }, JSON.stringify(error));
  const plain = await unconfined(t, raise);
  t.same(plain.messages, [{ data: { d: true, f: true, n: true } }], plain.err);
});

t.test('33. what pipes hold is bounded by maxOpenFiles', async (t) => {
  // A shell at the end of each that never reads: 64 KiB of the kernel's memory for every pipe.
  const fill = handler(`
    const { spawn } = await import('node:child_process');
    let held = 0;
    try {
      for (let i = 0; i < 60; i++) {
        const child = spawn('/bin/sh', ['-c', 'sleep 60'], { stdio: ['pipe', 'ignore', 'ignore'] });
        await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
        child.stdin.on('error', () => {});
        child.stdin.write(Buffer.alloc(64 << 10));
        held++;
      }
    } catch (error) {
      return [held, error.code];
    }
    return [held, ''];`);
  const at = (/** @type {number} */ maxOpenFiles) => ({
    permissions: spawning,
    execution: { maxOpenFiles, memoryMb: 512 },
  });
  const few = await run(t, fill, { config: at(50) });
  t.ok(few.data[0] < 40, JSON.stringify(few));
  t.equal(few.data[1], 'EMFILE');
  const more = await run(t, fill, { config: at(256) });
  t.same(more.data, [60, ''], 'the control');
});

t.test('34. a tree of processes counts as one, and is gone with its run', async (t) => {
  const mark = `tree-${process.pid}`;
  // 2^6 leaves, each of which holds some memory of its own; nobody waits for anybody.
  const tree = `f() { if [ $1 -gt 0 ]; then f $(($1 - 1)) $2 & f $(($1 - 1)) $2 & wait; else x=$(head -c $2 /dev/zero | tr "\\\\0" x); sleep 60; fi; }; f 6 `;
  const grow = (/** @type {number} */ bytes, /** @type {string} */ then) =>
    handler(`
      const { spawn } = await import('node:child_process');
      spawn('/bin/sh', ['-c', '${tree}${bytes}', '${mark}'], { stdio: 'ignore', detached: true });
      ${then}`);
  const config = {
    permissions: spawning,
    execution: { memoryMb: 256, timeoutMs: 30_000, graceMs: 100 },
  };
  const over = await run(t, grow(8 << 20, 'await new Promise((r) => setTimeout(r, 60_000));'), {
    config,
  });
  t.match(over, { ok: false, error: { code: 'MEMORY_LIMIT' } });
  t.same(processesWith(mark), []);
  const fits = await run(t, grow(1, 'await new Promise((r) => setTimeout(r, 500)); return 1;'), {
    config,
  });
  t.match(fits, { ok: true, data: 1 }, 'the control: as many that hold little');
  t.same(processesWith(mark), []);
});

t.test('34. a bomb of threads', async (t) => {
  const runner = sandbox(t, { execution: { memoryMb: 128, timeoutMs: 60_000 } });
  const many = await run(t, workers(500, 'setInterval(() => {}, 1000)'), { runner });
  t.match(many, { ok: false, error: { code: 'MEMORY_LIMIT' } });
  const few = await run(t, workers(2, 'process.exit(0)'), { runner });
  t.match(few, { ok: true, data: '0,0' }, 'the control: threads always work');
});

t.test('34. processes one after the other are no bomb', async (t) => {
  const config = { permissions: spawning, execution: { memoryMb: 128 } };
  const body = handler(`
    const { spawnSync } = await import('node:child_process');
    let ended = 0;
    for (let i = 0; i < 100; i++) ended += spawnSync('/bin/sh', ['-c', ':']).status === 0;
    return ended;`);
  t.match(await run(t, body, { config }), { ok: true, data: 100 });
});

t.test('35. other processes of the same user take nothing from a run', async (t) => {
  const children = Array.from({ length: 40 }, () => spawn('sleep', ['60'], { stdio: 'ignore' }));
  t.teardown(() => children.forEach((child) => child.kill('SIGKILL')));
  const body = handler(`
    const { spawnSync } = await import('node:child_process');
    return spawnSync('/bin/sh', ['-c', 'sh -c : & wait']).status;`);
  t.match(await run(t, body, { config: { permissions: spawning } }), { ok: true, data: 0 });
});

t.test('35. the control: a limit of processes counts all that a user has', async (t) => {
  if (!needs(t, 'root', 'program:setpriv')) return;
  // This file may run twice at a time.
  const other = 60_000 + (process.pid % 5000);
  const be = [`--reuid=${other}`, `--regid=${other}`, '--clear-groups', 'sh', '-c'];
  const asOther = (/** @type {string} */ script) => spawnSync('setpriv', [...be, script]);
  t.equal(asOther('ulimit -p 4; (sleep 1 & sleep 1 & wait); echo $?').stdout.toString(), '0\n');
  const crowd = spawn('setpriv', [...be, 'sleep 60 & sleep 60 & sleep 60 & echo; wait']);
  t.teardown(() => {
    for (const pid of processesOf(other)) process.kill(pid, 'SIGKILL');
  });
  await new Promise((resolve) => crowd.stdout.once('data', resolve));
  t.match(asOther('ulimit -p 4; (sleep 1 & sleep 1 & wait)').stderr.toString(), /fork/i);
});

/** @param {number} uid */
function processesOf(uid) {
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    return fs.statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === uid;
  });
}
