// What a run may leave in ctx.outdir: execution.maxOutputMb and maxOutputFiles.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { loadBinding } from '../../lib/binding.js';
import { handler, project, run, sandbox } from './helper.js';

/**
 * Has lib/ use another measureLater() until the test is over.
 *
 * @param {any} t
 * @param {(options: any, real: (options: any) => Promise<any>) => Promise<any>} fake
 * @returns {() => void} puts the real one back
 */
function replace(t, fake) {
  /** @type {any} */
  const { binding } = loadBinding();
  const { addon } = binding;
  binding.addon = {
    ...addon,
    measureLater: (/** @type {any} */ options) => fake(options, addon.measureLater),
  };
  const restore = () => {
    binding.addon = addon;
  };
  t.teardown(restore);
  return restore;
}

const small = { maxOutputMb: 1, maxOutputFiles: 20 };

/**
 * @param {any} t
 * @param {string} body of a handler that has `fs` and `out`
 * @param {{ execution?: object, outdir?: string, config?: object }} [options]
 */
function write(t, body, { execution = small, outdir = project(t, {}), config } = {}) {
  fs.chmodSync(outdir, 0o777);
  const text = `import fs from 'node:fs';
    export async function handle(input, ctx) { const out = ctx.outdir; ${body} }`;
  const limits = { timeoutMs: 20_000, ...execution };
  return run(t, text, { config: { ...config, execution: limits }, ctx: { outdir } });
}

const waits = 'setInterval(() => {}, 1000); await new Promise(() => {});';

t.test('what goes on is ended: bytes', async (t) => {
  const outdir = project(t, {});
  const body = `fs.writeFileSync(out + '/a', Buffer.alloc(3 << 20, 1)); ${waits}`;
  const result = await write(t, body, { outdir });
  t.match(result, { ok: false, error: { code: 'OUTPUT_LIMIT', details: { maxOutputMb: 1 } } });
  t.match(result.error.message, /MiB or more, over execution\.maxOutputMb, 1 MiB/);
  t.ok(result.error.details.bytes > 1 << 20);
  t.ok(fs.existsSync(path.join(outdir, 'a')), 'what it wrote is still there');
});

t.test('what goes on is ended: many small files, on many levels', async (t) => {
  const body = `for (let i = 0; i < 400; i++) {
      fs.mkdirSync(out + '/' + (i % 7) + '/b', { recursive: true });
      fs.writeFileSync(out + '/' + (i % 7) + '/b/' + i, Buffer.alloc(4096, 1));
    } ${waits}`;
  const result = await write(t, body, { execution: { maxOutputMb: 1 } });
  t.match(result, { error: { code: 'OUTPUT_LIMIT', details: { maxOutputMb: 1 } } });
});

t.test('what goes on is ended: files', async (t) => {
  const body = `for (let i = 0; i < 30; i++) fs.writeFileSync(out + '/' + i, ''); ${waits}`;
  const result = await write(t, body);
  t.match(result, { error: { code: 'OUTPUT_LIMIT', details: { maxOutputFiles: 20 } } });
  t.match(result.error.message, /or more, over execution\.maxOutputFiles, 20\./);
});

t.test('who is quicker than a look is told at the end', async (t) => {
  const bytes = `fs.writeFileSync(out + '/a', Buffer.alloc(3 << 20, 1));`;
  const files = `for (let i = 0; i < 30; i++) fs.symlinkSync('/', out + '/' + i);`;
  for (const ending of ['return 1;', `throw new Error('mine');`, 'process.exit(3);'])
    for (const body of [bytes, files]) {
      const result = await write(t, body + ending);
      t.match(result, { ok: false, error: { code: 'OUTPUT_LIMIT' } }, body + ending);
      t.notOk('data' in result);
    }
});

t.test('what is no more than the limit is fine, and errors stay what they are', async (t) => {
  const body = `for (let i = 0; i < 20; i++) fs.writeFileSync(out + '/' + i, Buffer.alloc(4096, 1));`;
  t.match(await write(t, `${body} return 1;`), { ok: true, data: 1 });
  t.match(await write(t, `${body} throw new TypeError('mine');`), {
    error: { code: 'HANDLER_ERROR', message: 'mine' },
  });
  const large = `fs.writeFileSync(out + '/a', Buffer.alloc(3 << 20, 1)); return 1;`;
  t.match(await write(t, large, { execution: {} }), { ok: true }, 'with the defaults');
  const gone = `fs.writeFileSync(out + '/a', Buffer.alloc(3 << 20, 1)); fs.rmSync(out + '/a'); return 1;`;
  t.match(await write(t, gone), { ok: true }, 'what is gone does not count');
});

t.test('holes do not count', async (t) => {
  const body = `fs.writeFileSync(out + '/a', ''); fs.truncateSync(out + '/a', 1 << 30); return 1;`;
  t.match(await write(t, body), { ok: true });
});

t.test('links are counted, and not followed', async (t) => {
  const body = `fs.symlinkSync('/', out + '/root'); fs.symlinkSync('..', out + '/up'); return 1;`;
  t.match(await write(t, body), { ok: true });
});

t.test('what was there before does not count', async (t) => {
  const outdir = project(t, { a: 'x'.repeat(3 << 20) });
  for (let i = 0; i < 30; i++) fs.writeFileSync(path.join(outdir, `b${i}`), '');
  t.match(await write(t, `fs.writeFileSync(out + '/c', 'x'); return 1;`, { outdir }), { ok: true });
  const more = `fs.writeFileSync(out + '/d', Buffer.alloc(3 << 20, 1)); return 1;`;
  t.match(await write(t, more, { outdir }), { error: { code: 'OUTPUT_LIMIT' } });
});

t.test('what the host may not read is too much, or counted', async (t) => {
  for (const mode of ['0o000', '0o300', '0o400']) {
    const outdir = project(t, {});
    const body = `fs.mkdirSync(out + '/d'); fs.writeFileSync(out + '/d/a', Buffer.alloc(3 << 20, 1));
      fs.chmodSync(out + '/d', ${mode}); return 1;`;
    const result = await write(t, body, { outdir });
    t.match(result, { error: { code: 'OUTPUT_LIMIT' } }, mode);
    fs.chmodSync(path.join(outdir, 'd'), 0o700);
  }
});

t.test('what is too deep to be counted is too much', async (t) => {
  const body = (/** @type {number} */ depth) =>
    `fs.mkdirSync(out + '/d'.repeat(${depth}), { recursive: true }); return 1;`;
  const execution = { maxOutputMb: 10 };
  t.match(await write(t, body(63), { execution }), { ok: true }, 'the control');
  t.match(await write(t, body(64), { execution }), {
    error: { code: 'OUTPUT_LIMIT', details: { unseen: 1 }, message: /63 deep/ },
  });
});

t.test('a run without an outdir is not looked for', async (t) => {
  let looks = 0;
  replace(t, (options, real) => {
    looks++;
    return real(options);
  });
  const runner = sandbox(t);
  t.match(await run(t, handler('return 1;'), { runner }), { ok: true });
  t.equal(looks, 0);
  await run(t, handler('return 1;'), { runner, ctx: { outdir: project(t, {}) } });
  t.ok(looks >= 2, 'the control: before and after');
});

t.test('a look that never ends keeps no run, nor more than two threads', async (t) => {
  let looks = 0;
  /** @type {((found: object) => void)[]} */
  const hung = [];
  const restore = replace(t, (options, real) => {
    if (options.maxFiles === 1_000_000) return real(options);
    looks++;
    return new Promise((resolve) => hung.push(resolve));
  });
  const runner = sandbox(t, { execution: small });
  const one = () => run(t, handler('return 1;'), { runner, ctx: { outdir: project(t, {}) } });
  const dirs = await Promise.all([one(), one()]);
  for (const result of dirs) t.match(result, { ok: true, data: 1 });
  t.equal(looks, 2);
  const third = one(); // Its first look waits for its turn.
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.equal(looks, 2);
  const found = { bytes: 0, files: 0, unseen: 0, root: '' };
  restore();
  for (const resolve of hung) resolve(found);
  t.match(await third, { ok: true, data: 1 });
});

t.test('who ended for another reason is not looked for once more', async (t) => {
  const body = `fs.writeFileSync(out + '/a', ''); for (;;);`;
  const execution = { timeoutMs: 500, graceMs: 10 };
  t.match(await write(t, body, { execution }), { error: { code: 'TIMEOUT' } });
});

t.test('an outdir that is not there, and one that is a file', async (t) => {
  const runner = sandbox(t, { execution: small });
  const dir = project(t, { file: 'x' });
  for (const name of ['absent', 'file']) {
    const result = await run(t, handler('return 1;'), {
      runner,
      ctx: { outdir: `${dir}/${name}` },
    });
    t.match(result, { ok: true }, name);
  }
});

t.test('in-process runs are not watched', async (t) => {
  const body = `for (let i = 0; i < 30; i++) fs.writeFileSync(out + '/' + i, ''); return 1;`;
  t.match(await write(t, body, { config: { mode: 'inprocess' } }), { ok: true });
});

t.test('the command has a status for it', (t) => {
  const dir = project(t, {
    'h.mjs': handler(`(await import('node:fs')).truncateSync(ctx.outdir + '/a'); return 1;`),
  });
  const cli = new URL('../../lib/cli.js', import.meta.url).pathname;
  const { stdout } = spawnSync(process.execPath, [cli, 'run', '--help'], { cwd: dir });
  t.match(String(stdout), /9 it left too much/);
  t.end();
});
