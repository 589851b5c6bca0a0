// Guests that are forked ahead of demand serve one run each, and nothing is left of them.
import os from 'node:os';
import t from 'tap';
import { handler, isAlive, project, until } from '../run/helper.js';
import { forking, zygotes } from './helper.js';
import { children, innerPid, ownPid, ref, setUp, spares } from './spares.js';

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

t.test('a spare serves one run', async (t) => {
  const { run } = setUp(t, ownPid, { spares: 2 });
  // The views that later runs enter are made with the second: spares from before it are not used.
  t.match(await run(0), { ok: true });
  const served = new Set();
  for (let fromSpares = 0; fromSpares < 3;) {
    const pids = (await spares(t, () => run(0), 2)).map(innerPid);
    t.same(
      pids.filter((pid) => served.has(pid)),
      [],
      'none has served a run',
    );
    const { data } = await run(0);
    if (pids.includes(data)) fromSpares++;
    t.notOk(served.has(data), 'nor serves another');
    served.add(data);
  }
});

t.test('dispose() leaves none', async (t) => {
  const { runner, run } = setUp(t, ownPid, { spares: 3 });
  const pids = await spares(t, () => run(0), 3);
  await runner.dispose();
  t.same(pids.filter(isAlive), []);
  t.same(zygotes(), []);
});

t.test('they go with their zygote', async (t) => {
  const { run } = setUp(t, ownPid, { spares: 2 });
  const pids = await spares(t, () => run(0), 2);
  process.kill(Number(zygotes()[0]), 'SIGKILL');
  await until(() => !pids.some(isAlive), 'the end of the spares');
  await until(() => zygotes().length === 0, 'the end of the zygote');
  t.match(await run(0), { ok: true });
});

t.test('one that was killed loses no run', async (t) => {
  const { run } = setUp(t, ownPid, { spares: 2 });
  t.match(await run(0), { ok: true });
  for (const pid of await spares(t, () => run(0), 2)) {
    process.kill(Number(pid), 'SIGKILL');
    await until(() => !isAlive(pid), 'its end');
  }
  for (let i = 0; i < 4; i++) t.match(await run(0), { ok: true });
});

t.test('more runs than spares', async (t) => {
  const body = handler(
    'await new Promise((r) => setTimeout(r, 100)); return [process.pid, input];',
  );
  const { run } = setUp(t, body, { spares: 1, concurrency: 8 });
  await spares(t, () => run(0), 1);
  const results = await Promise.all(Array.from({ length: 8 }, (_, i) => run(i)));
  t.same(
    results.map(({ data }) => data[1]),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  t.equal(new Set(results.map(({ data }) => data[0])).size, 8);
});

t.test('limits begin with the run, not with the spare', async (t) => {
  const body = handler('await new Promise((r) => setTimeout(r, input)); return process.uptime();');
  const { run } = setUp(t, body, { spares: 1, timeoutMs: 1500 });
  t.match(await run(0), { ok: true });
  await spares(t, () => run(0), 1);
  await new Promise((resolve) => setTimeout(resolve, 900)); // It is older now than what is left.
  const { ok, data } = await run(800);
  t.ok(ok && data < 1.5, `${data} s old`);
  t.match(await run(10_000), { ok: false, error: { code: 'TIMEOUT' } });
});

t.test('none while there are no runs', async (t) => {
  for (const count of [3, 'auto']) {
    const { runner, run } = setUp(t, ownPid, { spares: count });
    for (let i = 0; i < 3; i++) t.match(await run(0), { ok: true });
    await until(() => children().length > 0, 'spares');
    await until(() => runner.stats().spares > 0, 'which stats() tells of');
    await until(() => children().length === 0, 'none');
    await until(() => runner.stats().spares === 0, 'which stats() tells of, too');
    t.equal(zygotes().length, 1, 'the zygote stays');
    t.match(await run(0), { ok: true });
    await runner.dispose();
    t.equal(runner.stats().spares, 0, 'none with the runner gone');
  }
});

t.test("'auto': none while every processor has a guest", async (t) => {
  const count = os.availableParallelism() + 2;
  const runner = forking(t, { execution: { concurrency: count } });
  const body = handler('await new Promise((r) => setTimeout(r, input)); return process.pid;');
  const { signal, abort } = abortable();
  const ctx = { requestId: 'r', workdir: project(t, body) };
  for (let i = 0; i < 3; i++) t.match(await runner.run(ref, 0, ctx), { ok: true });
  const running = Array.from({ length: count }, () => runner.run(ref, 25_000, { ...ctx, signal }));
  await until(() => children().length === count, 'the guests, with no spare left');
  for (let i = 0; i < 20; i++) {
    t.equal(children().length, count, 'nor another one');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  abort();
  for (const result of await Promise.all(running))
    t.match(result, { ok: false, error: { code: 'ABORTED' } });
  // Once there is time for it there is one; on a slow machine it may be let go before it is seen.
  for (let seen = 0; seen === 0;) {
    t.match(await runner.run(ref, 0, ctx), { ok: true });
    for (let i = 0; i < 200 && seen === 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      seen = children().length;
    }
  }
});

t.test('a number: as many, whatever runs', async (t) => {
  const count = os.availableParallelism();
  const body = handler('await new Promise((r) => setTimeout(r, input)); return process.pid;');
  const { run } = setUp(t, body, { spares: 2, concurrency: count });
  await spares(t, () => run(0), 2);
  const all = Promise.all(Array.from({ length: count }, () => run(3000)));
  await until(() => children().length === count + 2, 'guests and spares');
  for (const { ok } of await all) t.ok(ok);
});

t.test('0 turns them off', async (t) => {
  const { run } = setUp(t, ownPid, { spares: 0 });
  // Beside the first ones there may be a guest that tells what was preloaded.
  for (let i = 0; i < 3; i++) t.match(await run(0), { ok: true });
  await until(() => children().length === 0, 'its end');
  for (let i = 0; i < 5; i++) {
    t.match(await run(0), { ok: true });
    t.same(children(), []);
  }
});
