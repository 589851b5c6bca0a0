// Where a host may run, how it may end, and what is left afterwards: nothing.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { handler, processesWith, project, run, sandbox, until } from '../run/helper.js';

const lib = new URL('../../lib/index.js', import.meta.url).href;

/**
 * A host of its own. `body` sees `runner`, `go(name)` and `dir`, where `<name>.mjs` are handlers.
 *
 * @param {any} t
 * @param {string} body
 * @param {{ args?: string[], prefix?: string[], shell?: string }} [options]
 */
function host(t, body, options = {}) {
  const dir = project(t, {
    'quick.mjs': handler('return 1;'),
    'slow.mjs': handler(`
      process.on('SIGTERM', () => {});
      (await import('node:fs')).writeFileSync(ctx.outdir + '/started-' + ctx.requestId, '');
      for (;;) await new Promise((r) => setTimeout(r, 1000));`),
    'host.mjs': `
      import { createSandboxRunner } from '${lib}';
      const dir = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
      const runner = createSandboxRunner({ execution: { graceMs: 100 } });
      let nth = 0;
      const go = (name, ctx) => runner.run({ file: name + '.mjs', export: 'handle' }, 0, { requestId: String(++nth), workdir: dir, outdir: dir, ...ctx });
      ${body}`,
  });
  const command = [
    ...(options.prefix ?? []),
    process.execPath,
    ...(options.args ?? []),
    path.join(dir, 'host.mjs'),
  ];
  const child = options.shell
    ? spawn('sh', ['-c', options.shell, 'sh', ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
    : spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (err += text));
  /** @type {Promise<{ code: number | null, out: string, err: string }>} */
  const exited = new Promise((resolve) =>
    child.once('close', (code) => resolve({ code, out, err })),
  );
  const started = () => fs.readdirSync(dir).filter((name) => name.startsWith('started-')).length;
  return { child, dir, exited, started };
}

/** Every process of a host is gone, and of its guests. @param {any} t @param {string} dir */
async function nothingLeft(t, dir) {
  await until(() => processesWith(dir).length === 0, 'the end of all processes');
  t.pass('nothing is left');
}

t.test('a script that forgets dispose() ends by itself', async (t) => {
  const { dir, exited } = host(t, `console.log((await go('quick')).data);`);
  t.match(await exited, { code: 0, out: '1\n' });
  await nothingLeft(t, dir);
});

t.test('a pending run keeps the host alive', async (t) => {
  const { exited } = host(t, `go('quick').then((r) => console.log(r.data));`);
  t.match(await exited, { code: 0, out: '1\n' });
});

t.test('process.exit in mid-run', async (t) => {
  const { dir, exited, started } = host(
    t,
    `
    const { readdirSync } = await import('node:fs');
    go('slow');
    setInterval(() => { if (readdirSync(dir).some((n) => n.startsWith('started-'))) process.exit(5); }, 10);`,
  );
  t.match(await exited, { code: 5 });
  t.equal(started(), 1);
  await nothingLeft(t, dir);
});

t.test('an uncaught exception in mid-run', async (t) => {
  const { dir, exited } = host(
    t,
    `
    const { readdirSync } = await import('node:fs');
    go('slow');
    setInterval(() => { if (readdirSync(dir).some((n) => n.startsWith('started-'))) throw new Error('host'); }, 10);`,
  );
  t.match(await exited, { code: 1 });
  await nothingLeft(t, dir);
});

t.test('SIGKILL in mid-run', async (t) => {
  const { child, dir, exited, started } = host(t, `go('slow');`);
  await until(() => started() === 1, 'a guest');
  child.kill('SIGKILL');
  await exited;
  await nothingLeft(t, dir);
});

t.test('dispose() in every state', async (t) => {
  const runner = sandbox(t, { execution: { concurrency: 1, graceMs: 50 } });
  const slow = handler('setInterval(() => {}, 1000); await new Promise(() => {});');
  const running = run(t, slow, { runner });
  const queued = run(t, slow, { runner });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const first = runner.dispose();
  t.equal(runner.dispose(), first);
  t.match(await running, { ok: false, error: { code: 'DISPOSED' } });
  t.match(await queued, { ok: false, error: { code: 'DISPOSED' } });
  await first;
  t.match(await run(t, slow, { runner }), { ok: false, error: { code: 'DISPOSED' } });
  const unused = sandbox(t);
  await unused.dispose();
  t.type(
    /** @type {any} */ (unused)[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')],
    'function',
  );
});

t.test('dispose() resolves when no process is left', async (t) => {
  const { exited } = host(
    t,
    `
    const { readFileSync } = await import('node:fs');
    const runs = [go('quick'), go('slow'), go('slow')];
    await runs[0];
    await runner.dispose();
    console.log(JSON.stringify(readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8')));
    console.log((await Promise.all(runs)).map((r) => r.error?.code ?? 'ok').join());`,
  );
  t.match(await exited, { code: 0, out: '""\nok,DISPOSED,DISPOSED\n' });
});

t.test('descriptors 0 to 2 closed', async (t) => {
  const { dir, exited } = host(
    t,
    `
    const { writeFileSync } = await import('node:fs');
    const r = await go('quick');
    writeFileSync(dir + '/result', JSON.stringify(r.data ?? r.error));`,
    { shell: 'exec "$@" <&- >&- 2>&-' },
  );
  await exited;
  t.equal(fs.readFileSync(path.join(dir, 'result'), 'utf8'), '1');
});

t.test('SIGCHLD ignored, signals blocked', async (t) => {
  const { exited } = host(t, `console.log((await go('quick')).data);`, {
    shell: `trap '' CHLD HUP; exec "$@"`,
  });
  t.match(await exited, { code: 0, out: '1\n' });
});

t.test('the host is PID 1', async (t) => {
  const prefix = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--mount-proc'];
  const probe = spawnSync(prefix[0], [...prefix.slice(1), 'true']);
  if (probe.status !== 0) {
    const why = `no PID namespace can be made here: ${probe.stderr}`;
    if (process.env.SBX_MUST_WORK && process.getuid?.() === 0) t.fail(why);
    else t.skip(why);
    return;
  }
  const { exited } = host(
    t,
    `
    const slow = go('slow', { signal: AbortSignal.timeout(700) });
    console.log(process.pid, (await go('quick')).data, (await slow).error.code);`,
    { prefix },
  );
  t.match(await exited, { code: 0, out: '1 1 ABORTED\n' });
});

t.test('worker threads', async (t) => {
  const { dir, exited } = host(
    t,
    `
    const { Worker } = await import('node:worker_threads');
    const source = "import { createSandboxRunner } from '${lib}';" +
      "import { parentPort, workerData } from 'node:worker_threads';" +
      "const runner = createSandboxRunner({});" +
      "const go = (file) => runner.run({ file, export: 'handle' }, 0, { requestId: 'w', workdir: workerData.dir, outdir: workerData.dir });" +
      "if (workerData.leave) { go('slow.mjs'); setTimeout(() => process.exit(0), 300); }" +
      "else { const r = await go('quick.mjs'); parentPort.postMessage(r.data); }";
    const make = (leave) => new Promise((resolve) => {
      const w = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)), { workerData: { dir, leave } });
      let got = leave;
      w.on('message', (m) => (got = m)).on('error', (e) => resolve(String(e))).on('exit', () => resolve(got));
    });
    console.log((await Promise.all([make(), make(), make('left'), make()])).join());
    console.log((await go('quick')).data);`,
  );
  t.match(await exited, { code: 0, out: '1,1,left,1\n1\n' });
  await nothingLeft(t, dir);
});

t.test('a worker that ends does not end the runs of others', async (t) => {
  const { exited } = host(
    t,
    `
    const { Worker } = await import('node:worker_threads');
    const mine = go('slow', { signal: AbortSignal.timeout(1500) });
    const w = new Worker("import('${lib}').then((m) => m.createSandboxRunner({}).run({ file: 'quick.mjs', export: 'handle' }, 0, { requestId: 'r', workdir: '" + dir + "' })).then(() => process.exit())", { eval: true });
    await new Promise((resolve) => w.on('exit', resolve));
    console.log((await mine).error.code);`,
  );
  t.match(await exited, { code: 0, out: 'ABORTED\n' });
});

t.test('concurrency and the queue', async (t) => {
  const runner = sandbox(t, { execution: { concurrency: 2, maxQueue: 2, graceMs: 100 } });
  const wait = handler(
    'await new Promise((r) => setTimeout(r, 400)); return performance.timeOrigin;',
  );
  const runs = Array.from({ length: 5 }, () => run(t, wait, { runner }));
  t.match(await runs[4], { ok: false, error: { code: 'QUEUE_FULL' } });
  const results = await Promise.all(runs.slice(0, 4));
  for (const result of results) t.ok(result.ok, JSON.stringify(result.error));
  t.ok(results[3].metrics.phases.queueMs >= 300, 'time in the queue is in the metrics');
  const late = sandbox(t, { execution: { concurrency: 1, queueTimeoutMs: 100, graceMs: 100 } });
  const first = run(t, wait, { runner: late });
  t.match(await run(t, wait, { runner: late }), {
    ok: false,
    error: { code: 'TIMEOUT', details: { phase: 'queue' } },
  });
  t.match(await first, { ok: true });
});

t.test('time in the queue does not count as running', async (t) => {
  const runner = sandbox(t, { execution: { concurrency: 1, timeoutMs: 900, graceMs: 100 } });
  const wait = handler('await new Promise((r) => setTimeout(r, 500)); return 1;');
  const results = await Promise.all(Array.from({ length: 3 }, () => run(t, wait, { runner })));
  for (const result of results) t.ok(result.ok, JSON.stringify(result.error));
});
