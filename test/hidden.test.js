// What the default view leaves out of a handler's package.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { isHiddenName } from '../lib/hidden.js';
import { handlerView } from '../lib/view.js';

/** @param {any} t @param {Record<string, string>} files */
function tree(t, files) {
  const dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'sandbox-hidden-')));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    const at = path.join(dir, name);
    fs.mkdirSync(path.dirname(at), { recursive: true });
    if (text.startsWith('-> ')) fs.symlinkSync(text.slice(3), at);
    else fs.writeFileSync(at, text);
  }
  return dir;
}

/** What is left out, relative to `dir`. @param {string} dir @param {object} [more] */
async function hiddenOf(dir, more) {
  const request = { file: './handler.js', workdir: dir, ...more };
  const { grants } = await handlerView(request);
  const hidden = grants.filter((grant) => grant.startsWith('h'));
  return hidden.map((grant) => path.relative(dir, grant.slice(1))).sort();
}

const app = {
  'package.json': '{"name":"app"}',
  'handler.js': '',
  '.env': '',
  '.env.local': '',
  '.envrc': '',
  '.environment.d/x': '',
  '.git/config': '',
  '.npmrc': '',
  '.yarnrc': '',
  '.yarnrc.yml': '',
  '.netrc': '',
  '.ssh/id': '',
  '.aws/credentials': '',
  '.kube/config': '',
  '.docker/config.json': '',
  'deep/er/.hg/x': '',
  'deep/er/.svn/x': '',
  'deep/er/env': '',
  'env.js': '',
  '.gitignore': '',
  '.github/x': '',
  'my.env': '',
  'node_modules/dep/.env': '',
  'node_modules/.npmrc': '',
};

t.test('names', async (t) => {
  const dir = tree(t, app);
  t.same(await hiddenOf(dir), [
    '.aws',
    '.docker',
    '.env',
    '.env.local',
    '.environment.d',
    '.envrc',
    '.git',
    '.kube',
    '.netrc',
    '.npmrc',
    '.ssh',
    '.yarnrc',
    '.yarnrc.yml',
    'deep/er/.hg',
    'deep/er/.svn',
  ]);
  t.same(await hiddenOf(dir, { pluginRoot: dir }), await hiddenOf(dir));
  t.notOk(isHiddenName('env'));
});

t.test('what is allowed is not left out, nor what is all', async (t) => {
  const dir = tree(t, app);
  const all = await hiddenOf(dir);
  const without = (/** @type {string[]} */ ...names) => all.filter((name) => !names.includes(name));
  t.same(await hiddenOf(dir, { allow: [`${dir}/.env`] }), without('.env'));
  t.same(await hiddenOf(dir, { allow: [`${dir}/deep`] }), without('deep/er/.hg', 'deep/er/.svn'));
  t.same(await hiddenOf(dir, { allow: [dir] }), []);
  t.same(await hiddenOf(dir, { allow: ['/'] }), []);
  t.same(await hiddenOf(dir, { outdir: '.docker' }), without('.docker'));
  t.same(
    await hiddenOf(dir, { allow: [`${dir}/.git/hooks`, `${dir}/.git/none/x`] }),
    [...without('.git'), '.git/config'].sort(),
    'of what holds something that is allowed, all else',
  );
});

t.test('what the run needs is not left out', async (t) => {
  const dir = tree(t, {
    'package.json': '{"name":"app"}',
    '.env/handler.js': '',
    '.env/other': '',
    '.aws/work/x': '',
    'link.js': '-> .env/handler.js',
    'sub/.env/package.json': '{"name":"sub"}',
    'sub/.env/handler.js': '',
    'sub/.env/.npmrc': '',
  });
  t.same(await hiddenOf(dir, { file: './.env/handler.js' }), ['.aws', '.env/other', 'sub/.env']);
  t.same(await hiddenOf(dir, { file: './link.js' }), ['.aws', '.env/other', 'sub/.env']);
  t.same(
    await hiddenOf(dir, { file: `${dir}/sub/.env/handler.js` }),
    ['sub/.env/.npmrc'],
    'a name above the package says nothing',
  );
  const file = `${dir}/.env/handler.js`;
  t.same(await hiddenOf(dir, { file, workdir: `${dir}/.aws/work` }), ['.env/other', 'sub/.env']);
  t.same(await hiddenOf(dir, { file, also: [`${dir}/.env/other`] }), ['.aws', 'sub/.env']);
});

t.test('links: what they lead to is left out with them', async (t) => {
  const dir = tree(t, {
    'package.json': '{"name":"app"}',
    'handler.js': '',
    'secrets/prod': '',
    '.env': '-> secrets/prod',
    '.git': '-> .',
    '.npmrc': '-> handler.js',
    '.env.none': '-> nowhere',
  });
  t.same(await hiddenOf(dir), ['.env'], 'but for what the run needs');
});

t.test('packages of a workspace, not what is installed', async (t) => {
  const dir = tree(t, {
    'package.json': '{"name":"all","workspaces":["*"]}',
    'a/package.json': '{"name":"a"}',
    'a/handler.js': '',
    'a/node_modules/b': '-> ../../b',
    'a/node_modules/c': '-> ../../store/node_modules/c',
    'b/package.json': '{"name":"b"}',
    'b/.env': '',
    'store/node_modules/c/package.json': '{"name":"c"}',
    'store/node_modules/c/.env': '',
  });
  t.same(await hiddenOf(dir, { file: './a/handler.js' }), ['b/.env']);
});

t.test('what is too large to be searched is left out as a whole', async (t) => {
  const dir = tree(t, {
    'package.json': '{"name":"app"}',
    'src/handler.js': '',
    'src/data/x': '',
    'src/deep/.env': '',
  });
  for (let i = 0; i < 5_000; i++) fs.mkdirSync(`${dir}/src/data/${i}/x`, { recursive: true });
  t.same(await hiddenOf(dir, { file: './src/handler.js' }), ['src/data', 'src/deep/.env']);
  t.same(
    await hiddenOf(dir, { file: './src/handler.js', allow: [`${dir}/src/data`] }),
    ['src/deep/.env'],
    'unless it is allowed',
  );
});

t.test('too many to be left out one by one', async (t) => {
  const dir = tree(t, { 'package.json': '{"name":"app"}', 'src/handler.js': '', '.env': '' });
  for (let i = 0; i < 200; i++) {
    fs.mkdirSync(`${dir}/tenants/${i}`, { recursive: true });
    fs.writeFileSync(`${dir}/tenants/${i}/.env`, '');
  }
  t.same(await hiddenOf(dir, { file: './src/handler.js' }), ['.env', 'tenants']);
  for (let i = 0; i < 200; i++) fs.writeFileSync(`${dir}/src/.env.${i}`, '');
  const later = { file: './src/handler.js', also: [`${dir}/x`] };
  await t.rejects(hiddenOf(dir, later), /Set ctx\.pluginRoot/);
  t.same(await hiddenOf(dir, { ...later, pluginRoot: dir, allow: [`${dir}/src`] }), [
    '.env',
    'tenants',
  ]);
});

t.test('what appears later', async (t) => {
  const dir = tree(t, { 'package.json': '{"name":"app"}', 'handler.js': '', 'deep/x': '' });
  const old = new Date(Date.now() - 60_000);
  for (const name of ['package.json', 'deep', '.']) fs.utimesSync(path.join(dir, name), old, old);
  const { now } = Date;
  let ahead = 0;
  Date.now = () => now() + ahead;
  t.teardown(() => {
    Date.now = now;
  });
  t.same(await hiddenOf(dir), []);
  fs.writeFileSync(`${dir}/deep/.env`, '');
  t.same(await hiddenOf(dir), [], 'nobody has looked again');
  ahead += 3_000;
  await hiddenOf(dir);
  for (let i = 0; i < 1000 && (await hiddenOf(dir)).length === 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  t.same(await hiddenOf(dir), ['deep/.env'], 'behind a run somebody has');
  fs.rmSync(`${dir}/deep/.env`);
  fs.mkdirSync(`${dir}/.git`);
  ahead += 60_000;
  t.same(await hiddenOf(dir), ['.git'], 'and after a while a run waits for it');
});
