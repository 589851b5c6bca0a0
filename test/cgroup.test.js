// execution.cgroup: what is said of it everywhere, and what it does where there is a cgroup to divide,
// which test/vm/run.sh has.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { loadBinding } from '../lib/binding.js';
import { parseConfig } from '../lib/config.js';
import { createSandboxRunner } from '../lib/index.js';
import { probeGuards } from '../lib/probe.js';
import { handler, project, sandbox, until } from './run/helper.js';

const { binding } = loadBinding();
const report = binding && probeGuards(binding.launcher).guards.cgroup;
const divided = report?.status === 'enforced' || report?.status === 'partial';
const skip =
  divided || process.env.SBX_MUST_DIVIDE ? false : `no cgroup to divide: ${report?.text}`;
const top = '/sys/fs/cgroup';
// An emulated machine takes its time.
t.setTimeout(900_000);

const bad = '/proc/no/cgroup';

/** @param {any} runner @param {string} workdir @param {unknown} [input] @param {object} [ctx] */
const go = (runner, workdir, input, ctx) =>
  runner.run({ file: './handler.mjs', export: 'handle' }, input, {
    requestId: '1',
    workdir,
    ...ctx,
  });

/** @param {any} runner */
const layerOf = (runner) =>
  runner.isolation().layers.find((/** @type {any} */ { name }) => name === 'cgroup');

t.test('what may be given', async (t) => {
  const given = (/** @type {any} */ cgroup) =>
    parseConfig({ execution: { cgroup } }).execution.cgroup;
  t.equal(given(undefined), 'off');
  t.equal(given('auto'), 'auto');
  t.equal(given('off'), 'off');
  t.equal(given('/sys/fs/cgroup/a'), '/sys/fs/cgroup/a');
  for (const wrong of ['', 'on', 'a/b', './a', true, 1, null, `/${'a'.repeat(2000)}`, '/a\0b'])
    t.throws(() => given(wrong), { code: 'VALIDATION_ERROR' }, JSON.stringify(wrong));
});

t.test("'off' is off, and said to be", async (t) => {
  const runner = sandbox(t, { execution: { cgroup: 'off' } });
  t.match(layerOf(runner), { status: 'not-needed', detail: /execution\.cgroup is 'off'/ });
  t.equal((await go(runner, project(t, handler('return 1;')))).data, 1);
});

t.test("'auto' says what there is, or how to get it", async (t) => {
  const runner = sandbox(t, { execution: { cgroup: 'auto' } });
  const layer = layerOf(runner);
  if (divided) t.match(layer, { status: /active|partial/, detail: /memory/ });
  else t.match(layer, { status: 'unavailable', detail: /shared by thread/, mend: /Delegate=yes/ });
  t.same(runner.isolation().broken, [], 'and promises nothing');
});

t.test('a path that cannot be used', async (t) => {
  const dir = project(t, handler('return 1;'));
  const strict = sandbox(t, { execution: { cgroup: bad } });
  t.match(strict.isolation().broken, [
    /execution\.cgroup '\/proc\/no\/cgroup' cannot be used: making/,
  ]);
  t.match((await go(strict, dir)).error, {
    code: 'ISOLATION_UNAVAILABLE',
    message: /execution\.cgroup '\/proc\/no\/cgroup' cannot be used/,
  });
  const plain = sandbox(t, { execution: { cgroup: dir } });
  t.match((await go(plain, dir)).error, { message: /is no cgroup of version 2/ });
  t.same(fs.readdirSync(dir), ['handler.mjs'], 'nothing is made there');
  const lenient = sandbox(t, { isolation: 'best-effort', execution: { cgroup: bad } });
  t.equal((await go(lenient, dir)).data, 1, 'without it, when so configured');
  t.equal(layerOf(lenient).status, 'unavailable');
});

t.test('a place and preloading', async (t) => {
  const execution = { cgroup: bad, preload: ['./handler.mjs'] };
  t.match(sandbox(t, { startup: 'fork', execution }).isolation().broken, [/cannot be used/]);
});

/** Of a process. @param {number | string} pid */
function cgroupOf(pid) {
  const text = fs.readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  return path.join(top, /** @type {RegExpExecArray} */ (/^0::(.*)$/m.exec(text))[1]);
}

/** Cgroups of launchers in the place of 'auto'. */
function pens() {
  const own = cgroupOf('self');
  const place = own === `${top}/` ? top : path.dirname(own);
  return fs
    .readdirSync(place)
    .filter((name) => name.startsWith('sbx-'))
    .map((name) => path.join(place, name));
}

/** @param {string} pen */
const stalls = (pen) => fs.readdirSync(pen).filter((name) => name.startsWith('guest'));

/** @param {string} dir @param {string} name */
const read = (dir, name) => fs.readFileSync(path.join(dir, name), 'utf8').trim();

const where = handler(`
  const fs = await import('node:fs');
  if (input === 'wait') { fs.writeFileSync(ctx.outdir + '/up', ''); await new Promise((r) => setTimeout(r, 100_000)); }
  if (input === 'eat') {
    fs.writeFileSync(ctx.outdir + '/up', '');
    while (!fs.existsSync(ctx.outdir + '/go')) await new Promise((r) => setTimeout(r, 10));
    for (const all = []; ; ) { all.push(Buffer.alloc(1 << 20, 1)); await new Promise((r) => setTimeout(r, 1)); }
  }
  return fs.readFileSync('/proc/self/cgroup', 'utf8');`);

for (const startup of /** @type {const} */ (['spawn', 'fork']))
  t.test(`a guest's cgroup, ${startup}`, { skip }, async (t) => {
    const before = pens();
    const runner = sandbox(t, {
      startup,
      execution: { cgroup: 'auto', memoryMb: 128, tmpSizeMb: 8 },
      permissions: { filesystem: { allow: ['/proc'] } },
    });
    const dir = project(t, where);
    const own = cgroupOf('self');
    const said = [];
    for (let i = 0; i < 8; i++) said.push((await go(runner, dir, null)).data);
    t.ok(
      said.every((text) => /\/sbx-\d+\/guest\d+$/m.test(text)),
      'is its own',
      { said },
    );
    t.equal(cgroupOf('self'), own, 'the host is not moved');
    const [pen] = pens().filter((name) => !before.includes(name));
    t.match(read(pen, 'cgroup.procs'), /^$/, 'nobody else is there');

    const eaten = go(runner, dir, 'eat', { outdir: dir });
    await until(() => fs.existsSync(`${dir}/up`), 'the guest');
    const [stall] = stalls(pen).filter((name) => read(`${pen}/${name}`, 'cgroup.procs') !== '');
    const at = path.join(pen, stall);
    t.ok(Number(read(at, 'memory.max')) >= (128 + 8 + 32) * 2 ** 20, 'has a limit of memory');
    t.equal(read(at, 'memory.oom.group'), '1');
    t.equal(read(at, 'cpu.weight'), '100', 'and the same share as every other');
    // Below what the watch looks for, and what V8 was told.
    fs.writeFileSync(
      path.join(at, 'memory.max'),
      String(Number(read(at, 'memory.current')) + 2 ** 22),
    );
    fs.writeFileSync(`${dir}/go`, '');
    t.match(
      (await eaten).error,
      { code: 'MEMORY_LIMIT' },
      'which is said when the kernel holds it',
    );
    if (startup === 'spawn') t.same(stalls(pen), [], 'it is removed with its guest');
    t.match((await go(runner, dir, null)).data, /guest/, 'the next run is not hurt');
    await runner.dispose();
    t.notOk(fs.existsSync(pen), 'nothing is left');
  });

t.test('guests at the same time are apart', { skip }, async (t) => {
  for (const startup of /** @type {const} */ (['spawn', 'fork'])) {
    const runner = sandbox(t, {
      startup,
      execution: { cgroup: 'auto', concurrency: 6, spares: 2 },
      permissions: { filesystem: { allow: ['/proc'] } },
    });
    const dir = project(
      t,
      handler(`
      const fs = await import('node:fs');
      fs.writeFileSync(ctx.outdir + '/' + ctx.requestId, '');
      while (fs.readdirSync(ctx.outdir).length < 4) await new Promise((r) => setTimeout(r, 5));
      return fs.readFileSync('/proc/self/cgroup', 'utf8');`),
    );
    const out = project(t, {});
    const all = await Promise.all(
      [1, 2, 3, 4].map((n) => go(runner, dir, null, { outdir: out, requestId: String(n) })),
    );
    t.equal(new Set(all.map(({ data }) => data)).size, 4, startup);
    await runner.dispose();
  }
});

t.test('kill -9', { skip }, async (t) => {
  for (const startup of /** @type {const} */ (['spawn', 'fork'])) {
    const before = pens();
    const dir = project(t, where);
    const script = path.join(
      project(t, {
        'host.mjs': `
      import { createSandboxRunner } from '${new URL('../lib/index.js', import.meta.url).href}';
      const runner = createSandboxRunner({ startup: '${startup}', execution: { cgroup: 'auto' } });
      await runner.run({ file: './handler.mjs', export: 'handle' }, 'wait', { requestId: '1', workdir: '${dir}', outdir: '${dir}' });`,
      }),
      'host.mjs',
    );
    const host = spawn(process.execPath, [script], { stdio: 'ignore' });
    await until(() => fs.existsSync(`${dir}/up`), 'the guest');
    const [pen] = pens().filter((name) => !before.includes(name));
    const launcher = Number(/** @type {RegExpExecArray} */ (/sbx-(\d+)$/.exec(pen))[1]);
    process.kill(launcher, 'SIGKILL');
    await until(() => !fs.existsSync(pen), `the end of ${pen}`);
    t.pass(`of the launcher: the last init removes its cgroup, ${startup}`);
    host.kill('SIGKILL');
    await new Promise((resolve) => host.once('close', resolve));
  }
});

t.test('what everybody has left is removed by the next runner', { skip }, async (t) => {
  const place = path.dirname(
    pens()[0] ??
      path.join(cgroupOf('self') === `${top}/` ? top : path.dirname(cgroupOf('self')), 'x'),
  );
  const gone = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => gone.once('close', resolve));
  const left = path.join(place, `sbx-${gone.pid}`);
  fs.mkdirSync(left);
  fs.mkdirSync(path.join(left, 'guest0'));
  const runner = sandbox(t, { execution: { cgroup: 'auto' } });
  t.ok((await go(runner, project(t, handler('return 1;')))).ok);
  t.notOk(fs.existsSync(left));
});

t.test(
  'a place by its path',
  { skip: skip || (process.geteuid?.() !== 0 && 'root makes it') },
  async (t) => {
    const place = path.join(top, `sbx-test-${process.pid}`);
    const runner = createSandboxRunner({
      execution: { cgroup: place },
      permissions: { filesystem: { allow: ['/proc'] } },
    });
    const dir = project(t, where);
    t.match(
      (await go(runner, dir, null)).data,
      new RegExp(`/sbx-test-${process.pid}/sbx-\\d+/guest`),
    );
    await runner.dispose();
    t.same(
      fs.readdirSync(place).filter((name) => name.startsWith('sbx-')),
      [],
      'empty again',
    );
    const sleeper = spawn('sleep', ['100']);
    fs.writeFileSync(path.join(place, 'cgroup.subtree_control'), '-memory -pids -cpu -io');
    fs.writeFileSync(path.join(place, 'cgroup.procs'), String(sleeper.pid));
    const said = execFileSync(/** @type {any} */ (binding).launcher, ['probe', place], {
      encoding: 'utf8',
    });
    t.match(
      said,
      /cgroup\tunavailable\t.*has processes of its own/,
      'with processes it cannot be divided',
    );
    sleeper.kill();
    await new Promise((resolve) => sleeper.once('close', resolve));
    fs.rmdirSync(place);
  },
);
