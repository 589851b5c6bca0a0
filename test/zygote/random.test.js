// Nothing random repeats between siblings, which all start from one memory.
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { handler, project } from '../run/helper.js';
import { forking, zygotes } from './helper.js';
import { needs } from '../needs.js';

const SIBLINGS = Number(process.env.SBX_TEST_SIBLINGS ?? 500);

const draw = handler(`
  const { randomBytes, randomUUID, randomInt, generateKeyPairSync } = await import('node:crypto');
  const fs = await import('node:fs');
  const path = await import('node:path');
  const values = {
    'Math.random': Math.random(),
    'a second Math.random': Math.random(),
    randomUUID: randomUUID(),
    'crypto.randomUUID': crypto.randomUUID(),
    getRandomValues: String(crypto.getRandomValues(new Uint32Array(4))),
    randomBytes: randomBytes(16).toString('hex'),
    randomInt: randomInt(2 ** 47),
  };
  if (input.keys) values.key = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x;
  // glibc makes a name of the clock's nanoseconds: one may be alike by chance, a pair is not.
  const dirs = [1, 2].map(() => fs.mkdtempSync(path.join(input.outdir, 'x-')));
  values.mkdtemp = dirs.map((dir) => path.basename(dir)).join();
  dirs.forEach((dir) => fs.rmdirSync(dir));
  return { pid: process.pid, values };`);

/** Adds to what was seen; returns the names of what was seen before. */
function repeated(/** @type {Map<string, Set<unknown>>} */ seen, /** @type {object} */ values) {
  return Object.entries(values).filter(([name, value]) => {
    const known = seen.get(name) ?? new Set();
    seen.set(name, known);
    if (known.has(value)) return true;
    known.add(value);
    return false;
  });
}

t.test(`${SIBLINGS} siblings`, async (t) => {
  const runner = forking(t, { execution: { maxForks: 1e9, concurrency: 8, maxQueue: 1e6 } });
  const dir = project(t, draw);
  const ref = { file: 'handler.mjs', export: 'handle' };
  const ctx = { requestId: 'r', workdir: dir, outdir: dir };
  /** @type {Map<string, Set<unknown>>} */
  const seen = new Map();
  const again = [];
  let failed = 0;
  await Promise.all(
    Array.from({ length: SIBLINGS }, async (_, i) => {
      const { ok, data } = await runner.run(ref, { outdir: dir, keys: i < 100 }, ctx);
      if (ok) again.push(...repeated(seen, data.values));
      else failed++;
    }),
  );
  t.equal(failed, 0);
  t.same(again, []);
  t.equal(seen.get('randomUUID')?.size, SIBLINGS);
});

t.test('siblings with the same pid', async (t) => {
  if (!needs(t, 'root', 'namespaces')) return;
  // A spare has its pid from before, and the second run makes a view, for which it takes one.
  const runner = forking(t, { execution: { spares: 0 } });
  const dir = project(t, draw);
  const ref = { file: 'handler.mjs', export: 'handle' };
  const ctx = { requestId: 'r', workdir: dir, outdir: dir };
  for (let i = 0; i < 3; i++) await runner.run(ref, { outdir: dir, keys: true }, ctx);
  const [zygote] = zygotes();
  /** @type {Map<string, Set<unknown>>} */
  const seen = new Map();
  const pids = new Set();
  const again = [];
  for (let i = 0; i < 20; i++) {
    // The next pid in the zygote's namespace.
    const { status, stderr } = spawnSync('nsenter', [
      ...['-t', zygote, '-p'],
      ...['sh', '-c', 'echo 1000 > /proc/sys/kernel/ns_last_pid'],
    ]);
    t.equal(status, 0, String(stderr));
    const { data } = await runner.run(ref, { outdir: dir, keys: true }, ctx);
    pids.add(data.pid);
    again.push(...repeated(seen, data.values));
  }
  t.equal(pids.size, 1, 'all have one pid');
  t.same(again, []);
});
