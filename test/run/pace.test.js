// What a guest says takes no more of its host's thread than its share: then the guest waits.
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { handler, project, run, sandbox } from './helper.js';

const flood = handler(`
  const fs = await import('node:fs');
  const lines = Buffer.alloc(65536, 10);
  const until = Date.now() + input;
  let count = 0;
  while (Date.now() < until) {
    try {
      count += fs.writeSync(1, lines);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
  return count;`);

/** Goes on with runs of another runner until `over` settles. @param {any} t @param {Promise<any>} over */
async function runBeside(t, over) {
  const polite = sandbox(t);
  const workdir = project(t, handler('return input;'));
  let going = true;
  const result = over.finally(() => {
    going = false;
  });
  let runs = 0;
  while (going) {
    const one = await polite.run({ file: './handler.mjs', export: 'handle' }, runs, {
      requestId: 'polite',
      workdir,
    });
    t.equal(one.data, runs++);
  }
  return result;
}

t.test('a guest that prints without end waits, and no line of it is lost', async (t) => {
  const runner = sandbox(t);
  /** @type {any[]} */
  const told = [];
  runner.on('pressure', (event) => told.push(event));
  let heard = 0;
  const ctx = { onLog: () => heard++ };
  const result = await runBeside(t, run(t, flood, { runner, input: 1500, ctx }));
  t.ok(result.ok, JSON.stringify(result.error));
  t.equal(heard, result.data, 'every line was heard');
  const paused = told.find(({ reason }) => reason === 'paused');
  t.ok(paused?.pausedMs > 0, JSON.stringify(told));
  t.match(runner.stats().pressure, { paused: 1, pausedMs: paused?.pausedMs });
  t.match(
    told.find(({ reason }) => reason === 'lines'),
    { count: result.logsDropped },
    'the ring has dropped some',
  );
});

t.test('one that is paused meets its deadline', async (t) => {
  const runner = sandbox(t, { execution: { timeoutMs: 1500, graceMs: 100 } });
  const ctx = { onLog: () => {} };
  const { error } = await runBeside(t, run(t, flood, { runner, input: 60_000, ctx }));
  t.equal(error.code, 'TIMEOUT');
  t.equal(runner.stats().pressure.paused, 1);
});

t.test('a polite guest loses no line, and is paused only for what it takes', async (t) => {
  const runner = sandbox(t);
  /** @type {string[]} */
  const lines = [];
  const body = `for (let i = 0; i < 60_000; i++) console.log('line ' + i);`;
  const { ok } = await run(t, handler(body), {
    runner,
    ctx: { onLog: (/** @type {string} */ line) => lines.push(line) },
  });
  t.ok(ok);
  t.equal(lines.length, 60_000);
  t.ok(lines.every((line, i) => line === `line ${i}`));
  await run(t, handler('return 1;'), { runner });
  t.ok(runner.stats().pressure.paused <= 1);
});

t.test('host calls without end', async (t) => {
  const host = { size: (/** @type {any} */ _call, /** @type {any} */ list) => list.length };
  const runner = sandbox(t, { host });
  const body = `
    const list = Array.from({ length: 20_000 }, () => ({ a: 1 }));
    const until = Date.now() + 1500;
    let calls = 0;
    while (Date.now() < until) {
      for (const length of await Promise.all([1, 2].map(() => ctx.host.size(list)))) {
        if (length !== 20_000) throw new Error('wrong');
        calls++;
      }
    }
    return calls;`;
  const result = await runBeside(t, run(t, handler(body), { runner }));
  t.ok(result.data > 1, JSON.stringify(result.error));
  t.ok(runner.stats().pressure.paused, 'what is read in turns counts, too');
});

t.test('descriptors that run out', async (t) => {
  const code = `
    import fs from 'node:fs';
    import { Watch } from ${JSON.stringify(new URL('../../lib/pressure.js', import.meta.url).href)};
    const few = new Watch().descriptors();
    for (let i = 0; i < 85; i++) fs.openSync('/dev/null');
    const watch = new Watch();
    console.log(JSON.stringify([few ?? null, watch.descriptors(), watch.descriptors() ?? null]));`;
  const { stdout, stderr } = spawnSync(
    '/bin/sh',
    ['-c', 'ulimit -n 120; exec "$0" --input-type=module -e "$1"', process.execPath, code],
    { encoding: 'utf8' },
  );
  const [few, many, again] = JSON.parse(stdout || stderr);
  t.equal(few, null);
  t.match(many, { limit: 120 });
  t.ok(many.count >= 96 && many.count <= 120, `${many.count}`);
  t.equal(again, null, 'not looked for again at once');
});
