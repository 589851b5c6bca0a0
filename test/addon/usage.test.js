// measureLater() of the addon: what a directory holds.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { addon } from './helper.js';

const most = { maxBytes: 2 ** 40, maxFiles: 1000 };

t.test('it counts what the disk keeps, on all levels, and follows no link', async (t) => {
  const dir = t.testdir({ a: 'x'.repeat(100_000), b: { c: { d: 'x' } } });
  fs.symlinkSync('/usr', path.join(dir, 'usr'));
  fs.truncateSync(path.join(dir, 'b/c/d'), 2 ** 32);
  const found = await addon.measureLater({ path: dir, ...most });
  t.match(found, { files: 5, unseen: 0 });
  t.ok(found.bytes >= 100_000 && found.bytes < 1_000_000, String(found.bytes));
  const { dev, ino } = fs.statSync(dir);
  t.equal(found.root, `${dev}:${ino}`);
});

t.test('it stops once it knows enough', async (t) => {
  const dir = t.testdir({});
  for (let i = 0; i < 50; i++) fs.writeFileSync(path.join(dir, String(i)), 'x'.repeat(10_000));
  t.equal((await addon.measureLater({ path: dir, ...most, maxFiles: 9 })).files, 10);
  const { bytes, files } = await addon.measureLater({ path: dir, ...most, maxBytes: 50_000 });
  t.ok(bytes > 50_000 && files < 50, `${bytes} ${files}`);
});

t.test('no directory, none any more, and another file system', async (t) => {
  const dir = t.testdir({ a: 'x' });
  t.match(await addon.measureLater({ path: `${dir}/absent`, ...most }), { files: 0, root: '' });
  t.match(await addon.measureLater({ path: `${dir}/a`, ...most }), { files: 0, unseen: 0 });
  const root = await addon.measureLater({ path: '/dev', ...most });
  t.ok(root.files > 5);
  t.ok(root.unseen > 0, '/dev/pts and /dev/shm');
});

t.test('what it cannot look into, it says', async (t) => {
  const dir = t.testdir({ a: { b: 'x' } });
  fs.mkdirSync(path.join(dir, 'c/'.repeat(66)), { recursive: true });
  t.match(await addon.measureLater({ path: dir, ...most }), { files: 66, unseen: 1 });
  if (process.getuid?.() === 0) return; // Root may read everything.
  fs.chmodSync(path.join(dir, 'a'), 0);
  t.match(await addon.measureLater({ path: dir, ...most }), { files: 65, unseen: 2 });
  fs.chmodSync(path.join(dir, 'a'), 0o700);
});

t.test('arguments', (t) => {
  for (const bad of [{}, { path: '/' }, { path: 1, ...most }, { path: '/', ...most, maxFiles: -1 }])
    t.throws(() => addon.measureLater(bad));
  t.end();
});
