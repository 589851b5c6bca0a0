// Runs of the same grants enter a view of files that was made once. They see what a view made for
// each of them would show.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { project } from '../run/helper.js';
import { forking } from './helper.js';
import { needs } from '../needs.js';

// From the second or third on they enter one that is there, from the seventh on spares have entered it.
const TIMES = 9;
const ref = { file: 'handler.cjs', export: 'handle' };
const reads = `const fs = require('node:fs');
  exports.handle = (file) => { try { return fs.readFileSync(file, 'utf8'); } catch (e) { return e.code; } };`;

/** @param {any} t @param {any} files @param {any} [config] */
function setUp(t, files, config) {
  const dir = project(t, files);
  fs.chmodSync(dir, 0o755);
  const runner = forking(t, typeof config === 'function' ? config(dir) : config);
  const run = async (/** @type {any} */ input, /** @type {any} */ ctx = {}) => {
    const results = [];
    for (let i = 0; i < TIMES; i++) {
      const { ok, data, error } = await runner.run(ref, input, {
        requestId: 'r',
        workdir: dir,
        ...ctx,
      });
      results.push(ok ? data : error);
    }
    return results;
  };
  return { dir, run };
}

const times = (/** @type {any} */ value) => Array(TIMES).fill(value);

t.test('a file that is put in the place of another', async (t) => {
  const { dir, run } = setUp(t, { 'handler.cjs': 'exports.handle = () => 1;' });
  t.same(await run(0), times(1));
  fs.writeFileSync(path.join(dir, 'new'), 'exports.handle = () => 2;');
  fs.renameSync(path.join(dir, 'new'), path.join(dir, 'handler.cjs'));
  t.same(await run(0), times(2));
});

t.test('a directory that is put in the place of another', async (t) => {
  const { dir, run } = setUp(t, { 'handler.cjs': 'exports.handle = () => 1;' });
  t.same(await run(0), times(1));
  fs.rmSync(dir, { recursive: true });
  fs.mkdirSync(dir);
  fs.writeFileSync(path.join(dir, 'handler.cjs'), 'exports.handle = () => 2;');
  fs.chmodSync(dir, 0o755);
  t.same(await run(0), times(2));
});

t.test('a granted path that comes to be later, and goes', async (t) => {
  const late = path.join(project(t, { x: '' }), 'late');
  fs.chmodSync(path.dirname(late), 0o755);
  const { run } = setUp(
    t,
    { 'handler.cjs': reads },
    { permissions: { filesystem: { allow: [late], readOnly: true } } },
  );
  for (const result of await run(late)) t.match(result, /^(EACCES|ENOENT)$/);
  fs.writeFileSync(late, 'here');
  t.same(await run(late), times('here'));
  fs.rmSync(late);
  for (const result of await run(late)) t.match(result, /^(EACCES|ENOENT)$/);
});

t.test('a denied file that is put in the place of another', async (t) => {
  const { dir, run } = setUp(
    t,
    { 'handler.cjs': reads, secret: 'a' },
    (/** @type {string} */ at) => ({
      permissions: { filesystem: { deny: [path.join(at, 'secret'), path.join(at, 'later')] } },
    }),
  );
  const refused = async (/** @type {string} */ name) => {
    for (const result of await run(path.join(dir, name)))
      t.match(result, /^(EACCES|ENOENT|EPERM)$/, name);
  };
  await refused('secret');
  fs.writeFileSync(path.join(dir, 'new'), 'b');
  fs.renameSync(path.join(dir, 'new'), path.join(dir, 'secret'));
  await refused('secret');
  fs.writeFileSync(path.join(dir, 'later'), 'c');
  await refused('later');
});

t.test('/tmp is of one run, and what is granted in it is there', async (t) => {
  if (!needs(t, 'namespaces')) return;
  const { dir, run } = setUp(t, {
    'handler.cjs': `const fs = require('node:fs');
      exports.handle = (outdir) => {
        const before = fs.existsSync('/tmp/left');
        fs.writeFileSync('/tmp/left', 'x');
        fs.appendFileSync(outdir + '/log', 'x');
        let refused;
        try { fs.writeFileSync(__dirname + '/mine', ''); } catch (e) { refused = e.code; }
        return [before, fs.existsSync(outdir + '/log'), refused !== undefined];
      };`,
  });
  const outdir = path.join(dir, 'out');
  fs.mkdirSync(outdir);
  fs.chmodSync(outdir, 0o777);
  const plugin = dir;
  t.same(
    await run(outdir, { outdir, pluginRoot: plugin, workdir: outdir }),
    times([false, true, true]),
  );
  t.equal(fs.readFileSync(path.join(outdir, 'log'), 'utf8'), 'x'.repeat(TIMES));
});

t.test('runs of different grants do not see those of each other', async (t) => {
  const other = project(t, { secret: 'x', 'handler.cjs': reads });
  fs.chmodSync(other, 0o755);
  const { dir, run } = setUp(t, { 'handler.cjs': reads, mine: 'y' });
  for (let i = 0; i < 2; i++) {
    for (const result of await run(path.join(other, 'secret')))
      t.match(result, /^(EACCES|ENOENT)$/);
    t.same(await run(path.join(other, 'secret'), { workdir: other }), times('x'));
    for (const result of await run(path.join(dir, 'mine'), { workdir: other }))
      t.match(result, /^(EACCES|ENOENT)$/);
  }
});
