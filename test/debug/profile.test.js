import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { project, sandbox } from '../run/helper.js';
import { projectWithOut } from './helper.js';

const ref = { file: './handler.mjs', export: 'handle' };
const busy = `export function handle(input) {
  return spin(input);
}
function spin(ms) {
  const end = Date.now() + ms;
  let n = 0;
  while (Date.now() < end) n += Math.sqrt(n + 1);
  return n > 0;
}
`;

/** @param {string[]} files @param {RegExp} name */
const one = (files, name) => files.find((file) => name.test(file));

/** @param {string} file */
const readJson = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));

for (const startup of /** @type {const} */ (['spawn', 'fork'])) {
  t.test(`a profile, ${startup}`, async (t) => {
    const { workdir, outdir } = projectWithOut(t, busy);
    const runner = sandbox(t, { startup });
    const ctx = { requestId: 'p', workdir, outdir, debugLevel: 'profile' };
    const result = await runner.run(ref, 250, ctx);
    t.match(result, { ok: true, data: true, metrics: { startup } });
    const file = one(result.debugFiles, /\.cpuprofile$/);
    t.equal(path.dirname(file), outdir);
    const { nodes, samples, timeDeltas, startTime, endTime } = readJson(file);
    const spin = nodes.find(({ callFrame }) => callFrame.functionName === 'spin');
    t.match(spin.callFrame.url, /\/handler\.mjs$/);
    t.ok(samples.includes(spin.id), 'the handler’s function was seen at work');
    t.equal(samples.length, timeDeltas.length);
    t.ok(endTime - startTime >= 250_000);
    t.notOk(one(result.debugFiles, /heapsnapshot|report/), 'and nothing else');

    const again = await runner.run(ref, 50, ctx);
    t.not(one(again.debugFiles, /\.cpuprofile$/), file, 'each run has its own');
    const plain = await runner.run(ref, 1, { ...ctx, debugLevel: undefined });
    t.equal(plain.debugFiles, undefined, 'without it, there is none');
    t.equal(fs.readdirSync(outdir).length, 2);
  });

  t.test(`a profile of what fails, and of what waits for too long, ${startup}`, async (t) => {
    const { workdir, outdir } = projectWithOut(t, {
      'handler.mjs': `${busy}
        export function fail() { spin(100); throw new Error('failed'); }
        export function leave() { spin(100); process.exit(3); }
        export async function hang() { spin(100); await new Promise((r) => setTimeout(r, 1e6)); }`,
    });
    const runner = sandbox(t, { startup, execution: { timeoutMs: 2000 } });
    for (const [name, code] of [
      ['fail', 'HANDLER_ERROR'],
      ['leave', 'HANDLER_EXIT'],
      ['hang', 'TIMEOUT'],
    ]) {
      const result = await runner.run({ ...ref, export: name }, 1, {
        requestId: 'p',
        workdir,
        outdir,
        debugLevel: 'profile',
      });
      t.match(result, { ok: false, error: { code } });
      const { nodes } = readJson(one(result.debugFiles, /\.cpuprofile$/));
      t.ok(
        nodes.some(({ callFrame }) => callFrame.functionName === 'spin'),
        name,
      );
    }
  });

  t.test(`a heap snapshot near the limit, ${startup}`, async (t) => {
    const { workdir, outdir } = projectWithOut(
      t,
      `class KeptForever { constructor(i) { this.i = i; this.more = new Array(2000).fill(i + 0.5); } }
       export function handle() { const all = []; for (let i = 0; ; i++) all.push(new KeptForever(i)); }`,
    );
    const runner = sandbox(t, { startup, execution: { memoryMb: 32, timeoutMs: 100_000 } });
    const result = await runner.run(ref, 1, {
      requestId: 'h',
      workdir,
      outdir,
      debugLevel: 'profile',
    });
    t.match(result, { ok: false, error: { code: 'MEMORY_LIMIT' } });
    const file = one(result.debugFiles, /\.heapsnapshot$/);
    t.equal(path.dirname(file), outdir);
    const { snapshot, nodes, strings } = readJson(file);
    t.equal(nodes.length, snapshot.node_count * snapshot.meta.node_fields.length);
    t.ok(strings.includes('KeptForever'), 'what fills the heap is there');
    t.match(
      readJson(one(result.debugFiles, /report-.*\.json$/)).header,
      { trigger: /OOM/i },
      'and a report',
    );
  });
}

t.test('what cannot be written is no reason to fail', async (t) => {
  const { workdir, outdir } = projectWithOut(t, busy);
  const runner = sandbox(t, { execution: { maxFileSizeMb: 0.002 } });
  const result = await runner.run(ref, 100, {
    requestId: 'p',
    workdir,
    outdir,
    debugLevel: 'profile',
  });
  t.match(result, { ok: true, data: true });
  t.equal(result.debugFiles, undefined);
  t.match(result.logs, [/profile could not be written \(EFBIG\)/]);
  t.same(fs.readdirSync(outdir), [], 'and not in part');
});

t.test('a link in its place is not followed by the host', async (t) => {
  const { workdir, outdir } = projectWithOut(
    t,
    `import fs from 'node:fs';
     export function handle(outdir) { fs.symlinkSync('/etc/passwd', outdir + '/Heap.1.heapsnapshot'); }`,
  );
  const ctx = { requestId: 'p', workdir, outdir, debugLevel: 'profile' };
  const result = await sandbox(t).run(ref, outdir, ctx);
  t.equal(result.ok, true);
  t.ok(fs.lstatSync(path.join(outdir, 'Heap.1.heapsnapshot')).isSymbolicLink());
  t.notOk(one(result.debugFiles, /heapsnapshot/));
});

t.test('it needs an outdir, and a process', async (t) => {
  const workdir = project(t, busy);
  const ctx = { requestId: 'p', workdir, debugLevel: 'profile' };
  const without = await sandbox(t).run(ref, 1, ctx);
  t.match(without, { ok: false, error: { code: 'VALIDATION_ERROR', message: /ctx\.outdir/ } });
  const within = await sandbox(t, { mode: 'inprocess' }).run(ref, 1, { ...ctx, outdir: workdir });
  t.match(within, { ok: false, error: { code: 'VALIDATION_ERROR', message: /--cpu-prof/ } });
});
