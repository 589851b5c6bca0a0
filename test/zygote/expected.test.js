// After runs alike, guests that are forked ahead are confined ahead as well, for a run like them.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { handler, isAlive, project } from '../run/helper.js';
import { forking, hasNamespaces, parentOf, preloaded } from './helper.js';
import { innerPid, ownPid, ref, setUp, spares } from './spares.js';

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
