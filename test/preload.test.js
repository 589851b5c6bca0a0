// What the host looks at of modules that were preloaded: all files of all places, in one go, on another
// thread.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';

// The time of the next look is not waited for. The clock is taken when it is loaded.
const { now } = Date;
let ahead = 0;
Date.now = () => now() + ahead;
const { Places } = await import('../lib/preload.js');
Date.now = now;

/** @param {any} t @param {Record<string, string>} files */
function setUp(t, files) {
  const dir = fs.realpathSync(t.testdir(files));
  const old = new Date(now() - 60_000);
  for (const name of Object.keys(files)) fs.utimesSync(path.join(dir, name), old, old);
  const places = new Places([]);
  const learn = async (/** @type {string} */ workdir, /** @type {string[]} */ names) => {
    const said = JSON.stringify(names.map((name) => path.join(dir, name)));
    await places.learn(places.at(workdir, []), Buffer.from(said), [`r${dir}`]);
  };
  const look = () => {
    ahead += 2000;
    return places.changed();
  };
  return { dir, places, learn, look };
}

t.test('a change of any file of any place is seen, and no file is opened', async (t) => {
  const { dir, learn, look } = setUp(t, { a: '', b: '', c: '' });
  await learn('/1', ['a', 'b']);
  await learn('/2', ['b', 'c']);
  const { statSync } = fs;
  fs.statSync = /** @type {any} */ (() => t.fail('in the turn of the host'));
  t.teardown(() => {
    fs.statSync = statSync;
  });
  t.equal(await look(), false);
  fs.writeFileSync(path.join(dir, 'b'), 'x');
  const looking = look();
  t.ok(looking instanceof Promise);
  t.equal(await looking, true);
  t.equal(look(), true, 'it stays so until they are loaded anew');
});

t.test('two looks at a time are one', async (t) => {
  const { learn, look } = setUp(t, { a: '' });
  t.equal(look(), false, 'there is nothing to look at');
  await learn('/1', ['a']);
  const first = look();
  t.equal(look(), first);
  t.equal(await first, false);
});

t.test('a file that was not there, and one that a second place found changed', async (t) => {
  const { dir, learn, look } = setUp(t, { a: '' });
  await learn('/1', ['none']);
  t.equal(await look(), false);
  fs.writeFileSync(path.join(dir, 'none'), '');
  t.equal(await look(), true);
  const other = setUp(t, { a: '' });
  await other.learn('/1', ['a']);
  fs.writeFileSync(path.join(other.dir, 'a'), 'longer');
  fs.utimesSync(path.join(other.dir, 'a'), 1, 1);
  await other.learn('/2', ['a']);
  t.equal(await other.look(), true);
});

t.test('what a guest says is bounded', async (t) => {
  const { dir, places, look } = setUp(t, { a: '' });
  const say = (/** @type {string} */ text) =>
    places.learn(places.at('/1', []), Buffer.from(text), [`r${dir}`]);
  for (const text of ['', '{', 'null', '5', '[1,null,{}]', '["/etc/passwd"]', '["\\u0000"]'])
    await say(text);
  t.equal(await look(), false);
  const names = Array.from({ length: 3000 }, (_, i) => `${dir}/${i}`);
  await say(JSON.stringify(names));
  t.equal(await look(), false);
  fs.writeFileSync(path.join(dir, '2500'), '');
  t.equal(await look(), false, 'beyond the first 2,000');
  fs.writeFileSync(path.join(dir, '1500'), '');
  t.equal(await look(), true);
});
