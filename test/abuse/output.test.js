// Abuse cases 36 to 39, output, files and descriptors: the controls, and what
// test/run/limits.test.js leaves out.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { handler, project, residentMb, run, sandbox, spawning } from '../run/helper.js';

/** Blocks this thread, and with it the event loop. @param {number} ms */
const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

const flood = `
  const fs = await import('node:fs');
  const line = 'x'.repeat(1023) + '\\n';
  const text = line.repeat(64);
  let bytes = 0;
  const end = Date.now() + 1000;
  while (Date.now() < end) { fs.writeSync(1, text); bytes += text.length; }
  return bytes;`;

t.test('36. a slow reader makes the guest wait, not the host grow', async (t) => {
  const runner = sandbox(t, { monitoring: { logBufferSizeMb: 1 } });
  await run(t, handler('return 1;'), { runner });
  const before = residentMb();
  let calls = 0;
  const onLog = () => {
    if (++calls % 200 === 0) block(20);
  };
  const slow = await run(t, handler(flood), { runner, ctx: { onLog } });
  t.ok(slow.ok, JSON.stringify(slow.error));
  t.ok(calls > 0);
  t.ok(residentMb() - before < 48, `the host grew by ${residentMb() - before} MiB`);
  const fast = await run(t, handler(flood), { runner });
  t.ok(fast.data > slow.data, `the control: ${fast.data} bytes for one that reads, ${slow.data}`);
});

t.test('36. the control: who keeps all that a child prints grows with it', async (t) => {
  const child = spawn('head', ['-c', String(32 << 20), '/dev/zero'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let kept = 0;
  child.stdout.on('data', (chunk) => (kept += chunk.length));
  await new Promise((resolve) => child.once('close', resolve));
  const { logs, logsDropped } = await run(t, handler(flood), {
    config: { monitoring: { logBufferSizeMb: 1 } },
  });
  const ours = logs.reduce(
    (/** @type {number} */ sum, /** @type {string} */ l) => sum + l.length,
    0,
  );
  t.ok(kept > 16 << 20, `${kept} bytes came`);
  t.ok(ours <= 1 << 20);
  t.ok(logsDropped > 1000);
});

t.test('36. a gigabyte without a newline, on both streams', async (t) => {
  const body = handler(`
    const fs = await import('node:fs');
    const text = 'y'.repeat(1 << 20);
    for (let i = 0; i < 512; i++) { fs.writeSync(1, text); fs.writeSync(2, text); }
    fs.writeSync(1, 'the end');
    return 'done';`);
  const runner = sandbox(t, { monitoring: { logBufferSizeMb: 1 } });
  await run(t, handler('return 1;'), { runner });
  const before = residentMb();
  const { ok, data, logs, logsDropped } = await run(t, body, { runner });
  t.match({ ok, data }, { ok: true, data: 'done' });
  t.ok(residentMb() - before < 48, `the host grew by ${residentMb() - before} MiB`);
  t.ok(
    logs.every((/** @type {string} */ line) => line.length <= 64 << 10),
    'split into lines',
  );
  t.ok(
    logs.some((/** @type {string} */ line) => line.endsWith('the end')),
    'the tail is kept',
  );
  t.ok(logsDropped > 10_000);
});

t.test('37. the control: text is left as it is, however it is cut', async (t) => {
  const text = 'é€😀 und so weiter, \u001b[1mfett\u001b[0m, \u202eumgekehrt';
  const { logs } = await run(
    t,
    handler(`
      const fs = await import('node:fs');
      for (const byte of Buffer.from(input)) {
        fs.writeSync(1, Buffer.from([byte]));
        if (byte % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      fs.writeSync(1, '\\r\\n\\n' + input + '\\n');`),
    { input: text },
  );
  t.same(logs, [text, '', text]);
});

t.test('38. a file can be made large in other ways than by writing', async (t) => {
  const ways = {
    'a hole': `fs.truncateSync(file, 3 << 20);`,
    appending: `for (let i = 0; i < 48; i++) fs.appendFileSync(file, Buffer.alloc(1 << 16));`,
    'writing far behind its end': `const fd = fs.openSync(file, 'r+'); fs.writeSync(fd, 'x', 3 << 20);`,
    copying: `for (let i = 0; i < 3; i++) { fs.writeFileSync(file + i, Buffer.alloc(1 << 19)); fs.writeFileSync(file, Buffer.concat([fs.readFileSync(file), fs.readFileSync(file + i)])); }
      fs.writeFileSync(file, Buffer.alloc(3 << 20));`,
  };
  const config = { execution: { maxFileSizeMb: 1 } };
  for (const [name, body] of Object.entries(ways)) {
    const text = handler(`
      const fs = await import('node:fs');
      const file = ctx.outdir + '/big';
      fs.writeFileSync(file, '');
      ${body}
      return fs.statSync(file).size;`);
    const outdir = project(t, {});
    const over = await run(t, text, { config, ctx: { outdir } });
    t.match(over, { error: { code: 'HANDLER_ERROR', details: { code: 'EFBIG' } } }, name);
    t.ok(fs.statSync(path.join(outdir, 'big')).size <= 1 << 20, name);
    const free = await run(t, text, { ctx: { outdir: project(t, {}) } });
    t.ok(free.data >= 3 << 20, `the control: ${name}`);
  }
});

t.test('38. fallocate', async (t) => {
  const text = handler(`
    const { spawnSync } = await import('node:child_process');
    const { status, stderr } = spawnSync('fallocate', ['-l', '3M', ctx.outdir + '/big']);
    return [status, String(stderr)];`);
  const permissions = spawning;
  const outdir = project(t, {});
  const over = await run(t, text, {
    config: { permissions, execution: { maxFileSizeMb: 1 } },
    ctx: { outdir },
  });
  t.not(over.data?.[0], 0, JSON.stringify(over.error));
  t.ok(fs.statSync(path.join(outdir, 'big')).size <= 1 << 20);
  const free = await run(t, text, { config: { permissions }, ctx: { outdir: project(t, {}) } });
  t.same(free.data, [0, ''], 'the control');
});

t.test('39. descriptors of every kind count', async (t) => {
  const kinds = {
    files: `fs.openSync('/dev/null', 'r');`,
    directories: `fs.openSync(ctx.workdir, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);`,
  };
  for (const [name, body] of Object.entries(kinds)) {
    const text = handler(`
      const fs = await import('node:fs');
      let n = 0;
      try { for (; n < 200; n++) { ${body} } } catch (error) { return [n, error.code]; }
      return [n, ''];`);
    const few = await run(t, text, { config: { execution: { maxOpenFiles: 64 } } });
    t.equal(few.data?.[1], 'EMFILE', `${name}: ${JSON.stringify(few)}`);
    t.ok(few.data?.[0] < 64, name);
    const many = await run(t, text, { config: { execution: { maxOpenFiles: 512 } } });
    t.same(many.data, [200, ''], `the control: ${name}`);
  }
});

t.test('39. a host that has hardly any descriptors left says so', async (t) => {
  const { host } = await import('./helper.js');
  const limited = (/** @type {number} */ files) =>
    host(
      t,
      // All of them are there at the same time.
      handler('await new Promise((resolve) => setTimeout(resolve, 1000)); return 1;'),
      `
      const { openSync, readdirSync } = await import('node:fs');
      const runner = createSandboxRunner({ execution: { concurrency: 64 } });
      await runner.run(ref, 0, ctx);
      const runs = await Promise.all(Array.from({ length: 32 }, () => runner.run(ref, 0, ctx)));
      const codes = new Set(runs.map((r) => r.error?.code ?? 'ok'));
      const errnos = new Set(runs.flatMap((r) => r.error?.details?.errno ?? []));
      console.log(JSON.stringify([[...codes].sort(), [...errnos], (await runner.run(ref, 0, ctx)).data]));
      await runner.dispose();`,
      ['prlimit', `--nofile=${files}`],
    );
  const few = await limited(112);
  t.same(JSON.parse(few.out), [['PROCESS_CRASHED', 'ok'], ['EMFILE'], 1], few.err);
  const many = await limited(1024);
  t.same(JSON.parse(many.out), [['ok'], [], 1], `the control: ${many.err}`);
});
