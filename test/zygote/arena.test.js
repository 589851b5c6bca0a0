// V8's heap of a zygote and its guests lies in one place (src/zygote/arena.c), and nobody notices.
import fs from 'node:fs';
import t from 'tap';
import { handler, run } from '../run/helper.js';
import { forking, zygotes } from './helper.js';
import { needs } from '../needs.js';

/** Nothing of it may be seen where a program sees its environment. */
const seen = `
  const { readFileSync } = await import('node:fs');
  const { Worker } = await import('node:worker_threads');
  let initial = '';
  try { initial = readFileSync('/proc/self/environ', 'latin1'); } catch {}
  const worker = new Worker('require("worker_threads").parentPort.postMessage(Object.keys(process.env))',
    { eval: true });
  const inWorker = await new Promise((resolve) => worker.once('message', resolve));
  const names = [...Object.keys(process.env), ...inWorker, initial];
  return names.filter((name) => /LD_PRELOAD|zygote\\.node/.test(name));`;

t.test('no guest sees the variable that it takes', async (t) => {
  const runner = forking(t);
  const { ok, data, error } = await run(t, handler(seen), { runner });
  t.ok(ok, error);
  t.strictSame(data, []);
});

t.test('a guest that is to have one of that name has its own', async (t) => {
  process.env.LD_PRELOAD = '';
  t.teardown(() => delete process.env.LD_PRELOAD);
  const runner = forking(t, { permissions: { env: { allow: ['LD_PRELOAD'] } } });
  const { data } = await run(t, handler('return process.env.LD_PRELOAD;'), { runner });
  t.equal(data, '');
});

t.test('heaps of guests and their workers grow, shrink and end in it', async (t) => {
  const runner = forking(t, { execution: { memoryMb: 512 } });
  const { ok, data, error } = await run(
    t,
    handler(`
      const { Worker } = await import('node:worker_threads');
      const work = () => {
        let sum = 0;
        for (let round = 0; round < 3; round++) {
          const kept = [];
          for (let i = 0; i < 12; i++) {
            kept.push(Array.from({ length: 20_000 }, (_, at) => ({ at })));
            kept.push(new Array(1e5).fill(i));
          }
          for (const list of kept) sum += list.length;
        }
        return sum;
      };
      const code = 'require("worker_threads").parentPort.postMessage((' + work + ')())';
      const workers = [1, 2].map(() => new Worker(code, { eval: true }));
      const sums = workers.map((worker) => new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      }));
      return [work(), ...await Promise.all(sums)];`),
    { runner },
  );
  t.ok(ok, error);
  t.strictSame(
    data,
    Array.from({ length: 3 }, () => 3 * 12 * 120_000),
  );
});

t.test('what ends a guest whose heap is full still does', async (t) => {
  const runner = forking(t, { execution: { memoryMb: 64 } });
  const { error } = await run(
    t,
    handler('const kept = []; for (;;) kept.push(new Array(1e4).fill(kept.length));'),
    { runner },
  );
  t.equal(error.code, 'MEMORY_LIMIT');
});

t.test("a zygote's heap is a few mappings side by side", async (t) => {
  // Only root can look at a zygote's memory, and for other C libraries nothing is promised.
  if (!needs(t, 'root', 'glibc')) return;
  const runner = forking(t);
  const { ok } = await run(t, handler('return 1;'), { runner });
  t.ok(ok);
  const maps = fs.readFileSync(`/proc/${zygotes()[0]}/maps`, 'latin1');
  const chunks = maps
    .split('\n')
    .filter((line) => /^[0-9a-f]{1,12}-\S+ rw-p \S+ 00:00 0 *$/.test(line))
    .map((line) => line.split(/[- ]/).map((at) => parseInt(at, 16)));
  const heaps = chunks.filter(([from, to]) => from % 2 ** 18 === 0 && to - from <= 2 ** 19);
  t.ok(heaps.length < 12, `${heaps.length} chunks by themselves`);
});
