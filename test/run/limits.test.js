// Memory, CPU time, output, descriptors: PEERS' abuse cases 27 to 39.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import {
  handler,
  processesWith,
  project,
  residentMb,
  run,
  sandbox,
  spawning,
  until,
} from './helper.js';

const small = { execution: { memoryMb: 128, timeoutMs: 60_000 } };

/** Each allocates without end. */
const bombs = {
  'the heap': `const a = []; for (;;) a.push({ a: [1, 2, 3], b: String(a.length) });`,
  Buffers: `const a = []; for (;;) a.push(Buffer.alloc(8 << 20, 1));`,
  SharedArrayBuffers: `const a = []; for (;;) { const b = new Uint8Array(new SharedArrayBuffer(8 << 20)); b.fill(1); a.push(b); }`,
  'WebAssembly memory': `const m = new WebAssembly.Memory({ initial: 1, maximum: 65536 }); for (;;) { m.grow(128); new Uint8Array(m.buffer).fill(1); }`,
  strings: `const a = []; for (let i = 0; ; i++) a.push(Buffer.alloc(4 << 20, 65 + (i % 26)).toString('latin1') + i);`,
};

t.test('27 to 29. memory, five ways, four of each at once', async (t) => {
  const runner = sandbox(t, { execution: { ...small.execution, concurrency: 20 } });
  await run(t, handler('return 1;'), { runner });
  const before = residentMb();
  const results = await Promise.all(
    Object.entries(bombs).flatMap(([name, body]) =>
      Array.from({ length: 4 }, async () => ({
        name,
        result: await run(t, handler(body), { runner }),
      })),
    ),
  );
  for (const { name, result } of results) {
    t.notOk(result.ok, name);
    t.equal(result.error.code, 'MEMORY_LIMIT', `${name}: ${JSON.stringify(result.error)}`);
    t.match(result.error.details, { memoryMb: 128 }, name);
  }
  t.ok(residentMb() - before < 20, `the host grew by ${residentMb() - before} MiB`);
});

t.test('29, 30. other ways to run out of memory', async (t) => {
  const more = {
    'a spread of a long string': `return [...'.'.repeat(5e8)].length;`,
    'an array filled by index': `const a = new Array(1e8); for (let i = 0; i < 1e8; i++) a[i] = { i }; return a.length;`,
    'JSON.parse': `return JSON.parse('[' + '{"a":[1]},'.repeat(2e7) + '1]').length;`,
    // Since V8 13 more may be reserved than used: CODE_RANGE_DATA_MB in memory.js.
    'one array that is too large': `return new Uint8Array(2 ** 31).fill(1).length;`,
    'more than may be reserved': `return Array.from({ length: 4 }, () => new Uint8Array(2 ** 31)).length;`,
  };
  for (const [name, body] of Object.entries(more)) {
    const { ok, error } = await run(t, handler(body), { config: small });
    t.notOk(ok, name);
    t.equal(error.code, 'MEMORY_LIMIT', `${name}: ${JSON.stringify(error)}`);
  }
});

t.test('the control: what fits is allowed', async (t) => {
  const { ok, data, error } = await run(
    t,
    handler(`
    const b = Buffer.alloc(60 << 20, 1);
    const a = []; for (let i = 0; i < 2e5; i++) a.push({ i });
    const m = new WebAssembly.Memory({ initial: 16 });
    return b.length + a.length + m.buffer.byteLength;`),
    { config: small },
  );
  t.equal(ok, true, JSON.stringify(error));
  t.equal(data, (60 << 20) + 2e5 + 2 ** 20);
});

t.test('28. WebAssembly in an endless loop', async (t) => {
  // (module (func (export "f") (loop (br 0))))
  const bytes = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7,
    0, 3, 64, 12, 0, 11, 11,
  ];
  const config = { execution: { timeoutMs: 700, graceMs: 100 } };
  const { error } = await run(
    t,
    handler(`(await WebAssembly.instantiate(new Uint8Array([${bytes}]))).instance.exports.f();`),
    { config },
  );
  t.equal(error.code, 'TIMEOUT');
});

t.test('31, 32. limits that the guest sets for itself', async (t) => {
  const worker = await run(
    t,
    handler(`
    const { Worker } = await import('node:worker_threads');
    const w = new Worker(${JSON.stringify(bombs['the heap'])}, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 16384 } });
    await new Promise((resolve, reject) => w.once('error', reject).once('exit', resolve));`),
    { config: small },
  );
  t.equal(worker.error?.code, 'MEMORY_LIMIT', JSON.stringify(worker.error));
  const flags = await run(
    t,
    handler(`
    (await import('node:v8')).setFlagsFromString('--max-old-space-size=16384');
    ${bombs['the heap']}`),
    { config: small },
  );
  t.equal(flags.error?.code, 'MEMORY_LIMIT', JSON.stringify(flags.error));
});

t.test('33. shared memory that no rlimit counts', async (t) => {
  // Node.js maps nothing to share, so a process that does stands in.
  const { ok, error } = await run(
    t,
    handler(`
    const { execFileSync } = await import('node:child_process');
    execFileSync('python3', ['-c', 'import mmap, time\\nm = mmap.mmap(-1, 1 << 30, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)\\nfor i in range(0, 1 << 30, 4096): m[i] = 1\\ntime.sleep(60)']);
    return 1;`),
    { config: { ...small, permissions: spawning } },
  );
  t.notOk(ok);
  t.equal(error.code, 'MEMORY_LIMIT', JSON.stringify(error));
});

t.test('34. a bounded bomb of processes is gone when its run is', async (t) => {
  const mark = `bomb-${process.pid}`;
  const script =
    'i=0; while [ $i -lt 40 ]; do (while :; do sleep 0.01; done) & i=$((i+1)); done; wait';
  const { error } = await run(
    t,
    handler(`
    const { spawn } = await import('node:child_process');
    spawn('sh', ['-c', '${script}', '${mark}'], { stdio: 'ignore', detached: true });
    await new Promise((r) => setTimeout(r, 60_000));`),
    {
      config: {
        permissions: spawning,
        execution: { timeoutMs: 1500, graceMs: 100 },
      },
    },
  );
  t.equal(error.code, 'TIMEOUT');
  t.same(processesWith(mark), []);
});

t.test('cpuMs bounds the whole tree', async (t) => {
  const config = {
    execution: { cpuMs: 500, timeoutMs: 60_000 },
    permissions: spawning,
  };
  const own = await run(t, handler('for (;;);'), { config });
  t.match(own, { ok: false, error: { code: 'CPU_LIMIT', details: { cpuMs: 500 } } });
  const child = await run(
    t,
    handler(
      `(await import('node:child_process')).execFileSync('sh', ['-c', 'while :; do :; done']);`,
    ),
    { config },
  );
  t.match(child, { ok: false, error: { code: 'CPU_LIMIT' } });
  const idle = await run(t, handler('await new Promise((r) => setTimeout(r, 1500)); return 1;'), {
    config,
  });
  t.match(idle, { ok: true });
});

t.test('36. floods of output', async (t) => {
  const config = {
    execution: { timeoutMs: 1500, graceMs: 100 },
    monitoring: { logBufferSizeMb: 1 },
  };
  const runner = sandbox(t, config);
  await run(t, handler('console.log("x");'), { runner });
  const before = residentMb();
  const lines = await run(
    t,
    handler(
      `const s = ('y'.repeat(99) + '\\n').repeat(1000); const fs = await import('node:fs'); for (;;) fs.writeSync(1, s);`,
    ),
    { runner },
  );
  t.equal(lines.error.code, 'TIMEOUT');
  t.ok(lines.logsDropped > 0);
  t.ok(lines.logs.length > 1000 && lines.logs.length * 100 <= 1 << 20);
  t.ok(lines.logs.slice(1, -1).every((/** @type {string} */ line) => line === 'y'.repeat(99)));
  const noNewline = await run(
    t,
    handler(
      `const s = 'z'.repeat(1 << 16); const fs = await import('node:fs'); for (;;) { fs.writeSync(1, s); fs.writeSync(2, s); }`,
    ),
    { runner },
  );
  t.equal(noNewline.error.code, 'TIMEOUT');
  t.ok(residentMb() - before < 64, `the host grew by ${residentMb() - before} MiB`);
});

t.test('36. the tail is what is kept, and onLog sees lines as they come', async (t) => {
  /** @type {string[]} */
  const live = [];
  const onLog = (/** @type {string} */ line) => live.push(line);
  const { logs, logsDropped, ok } = await run(
    t,
    handler(`for (let i = 0; i < 40000; i++) console.log('line number ' + i);`),
    {
      ctx: { onLog },
      config: { monitoring: { logBufferSizeMb: 0.25 } },
    },
  );
  t.ok(ok);
  t.equal(logs.at(-1), 'line number 39999');
  t.ok(logsDropped > 0);
  t.equal(logs.length + logsDropped, 40000);
  t.equal(live[0], 'line number 0');
});

t.test('37. bytes that are no text', async (t) => {
  const { logs } = await run(
    t,
    handler(`
    const fs = await import('node:fs');
    fs.writeSync(1, Buffer.from([0xff, 0xfe, 0x0a]));
    fs.writeSync(1, Buffer.from('é€😀').subarray(0, 7));
    await new Promise((r) => setTimeout(r, 50));
    fs.writeSync(1, Buffer.concat([Buffer.from('é€😀').subarray(7), Buffer.from('\\n\\u001b[31mred\\0nul\\n')]));`),
  );
  t.equal(logs.length, 3);
  t.equal(logs[0], '\ufffd\ufffd');
  t.equal(logs[1], 'é€😀');
  t.equal(logs[2], '\u001b[31mred\0nul');
});

t.test('38. maxFileSizeMb', async (t) => {
  const body = `(await import('node:fs')).writeFileSync(ctx.outdir + '/big', Buffer.alloc(3 << 20)); return 'written';`;
  const config = { execution: { maxFileSizeMb: 1 } };
  const ctx = { outdir: project(t, {}) };
  t.match(await run(t, handler(body), { config, ctx }), {
    ok: false,
    error: { code: 'HANDLER_ERROR', details: { code: 'EFBIG' } },
  });
  t.match(await run(t, handler(body), { ctx }), { ok: true, data: 'written' });
});

t.test('39. descriptors', async (t) => {
  const body = `const fs = await import('node:fs'); let n = 0; try { for (; n < 5000; n++) fs.openSync('/dev/null'); } catch (e) { return [n, e.code]; } return [n, ''];`;
  const { data } = await run(t, handler(body), { config: { execution: { maxOpenFiles: 64 } } });
  t.ok(data[0] < 64);
  t.equal(data[1], 'EMFILE');
  const runner = sandbox(t);
  await run(t, handler('return 1;'), { runner });
  const count = () => fs.readdirSync('/proc/self/fd').length;
  const before = count();
  await Promise.all(Array.from({ length: 40 }, () => run(t, handler('return 1;'), { runner })));
  // After its first run a runner tries in the background whether it can fork.
  await until(() => count() <= before, 'the descriptors of before');
  t.pass('none is left');
});

t.test('34. maxThreads counts the threads of the whole tree', async (t) => {
  const workers = handler(`
    const { Worker } = await import('node:worker_threads');
    const all = Array.from({ length: input }, () => new Worker('setInterval(() => {}, 1000)', { eval: true }));
    await Promise.all(all.map((worker) => new Promise((resolve) => worker.once('online', resolve))));
    await new Promise((resolve) => setTimeout(resolve, ctx.ms));
    return all.length;`);
  const execution = { maxThreads: 24 };
  const small = sandbox(t, { execution });
  t.match(await run(t, workers, { runner: small, input: 30, ctx: { ms: 60_000 } }), {
    ok: false,
    error: {
      code: 'THREAD_LIMIT',
      message:
        'The run had more threads than execution.maxThreads, 24: those of all its processes and workers count.',
      details: { maxThreads: 24 },
    },
  });
  const within = { input: 4, ctx: { ms: 200 } };
  t.match(await run(t, workers, { runner: small, ...within }), { ok: true, data: 4 });
  t.match(await run(t, workers, { input: 30, ctx: { ms: 200 } }), { ok: true, data: 30 });
  const processes = handler(`
    const { spawn } = await import('node:child_process');
    for (let i = 0; i < input; i++) spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
    await new Promise((resolve) => setTimeout(resolve, ctx.ms));
    return input;`);
  const runner = sandbox(t, { permissions: spawning, execution });
  t.match(await run(t, processes, { runner, input: 40, ctx: { ms: 60_000 } }), {
    ok: false,
    error: { code: 'THREAD_LIMIT' },
  });
  t.match(await run(t, processes, { runner, input: 4, ctx: { ms: 200 } }), { ok: true, data: 4 });
});

t.test('a guest, and what it starts, goes before the host when memory runs out', async (t) => {
  const body = `
    const fs = await import('node:fs');
    const watched = fs.watch(ctx.outdir ?? '.').close() === undefined;
    return { score: fs.readFileSync('/proc/self/oom_score_adj', 'utf8').trim(), watched };`;
  t.match(await run(t, handler(body)), { ok: true, data: { score: '1000', watched: true } });
  const child = `
    const { execFileSync } = await import('node:child_process');
    return execFileSync('/bin/cat', ['/proc/self/oom_score_adj'], { encoding: 'utf8' }).trim();`;
  const config = { permissions: spawning };
  t.match(await run(t, handler(child), { config }), { ok: true, data: '1000' });
  const write = `
    const fs = await import('node:fs');
    try { fs.writeFileSync('/proc/self/oom_score_adj', '0'); } catch (e) { return e.code; }
    return fs.readFileSync('/proc/self/oom_score_adj', 'utf8').trim();`;
  t.match((await run(t, handler(write))).data, /^(EACCES|EROFS|EPERM)$/);
});

t.test('58, 59. nothing inherited, no core file', async (t) => {
  const held = fs.openSync(import.meta.filename ?? new URL(import.meta.url).pathname, 'r');
  t.teardown(() => fs.closeSync(held));
  const dir = project(
    t,
    handler(`
    const fs = await import('node:fs');
    const fds = fs.readdirSync('/proc/self/fd').map(Number).map((fd) => { try { return [fd, fs.readlinkSync('/proc/self/fd/' + fd)]; } catch { return null; } }).filter(Boolean);
    const status = fs.readFileSync('/proc/self/status', 'utf8');
    return { fds, limits: fs.readFileSync('/proc/self/limits', 'utf8'), status };`),
  );
  const runner = sandbox(t);
  const { data } = await runner.run({ file: 'handler.mjs', export: 'handle' }, 0, {
    requestId: 'r',
    workdir: dir,
  });
  const foreign = data.fds.filter(
    ([, to]) => /** @type {string} */ (to).startsWith('/') && !/^\/(dev\/null|proc\/)/.test(to),
  );
  t.same(foreign, []);
  t.match(data.limits, /Max core file size\s+1\s+1/);
  t.match(data.status, /CapEff:\s+0000000000000000/);
  t.match(data.status, /CapBnd:\s+0000000000000000|CapPrm:\s+0000000000000000/);
  t.match(data.status, /NoNewPrivs:\s+1/);
  t.notOk(fs.existsSync(path.join(dir, 'core')));
});
