// A handler does not see where its package keeps secrets, and sees all around it; unless it is allowed to.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { project, sandbox } from './helper.js';

const files = {
  'package.json': '{"name":"app"}',
  'handler.cjs': `const fs = require('node:fs');
    const attempt = (act) => { try { return act(); } catch (error) { return error.code; } };
    exports.read = (file) => fs.readFileSync(file, 'utf8');
    exports.all = () => ({
      env: attempt(() => fs.readFileSync('.env', 'utf8')),
      deep: attempt(() => fs.readFileSync('deep/.env.local', 'utf8')),
      git: attempt(() => fs.readFileSync('.git/config', 'utf8')),
      listed: attempt(() => fs.readdirSync('.git').length),
      beside: attempt(() => fs.readFileSync('deep/data', 'utf8')),
      top: attempt(() => fs.readdirSync('.').includes('handler.cjs')),
      below: attempt(() => fs.readdirSync('deep').includes('data')),
      moved: attempt(() => fs.renameSync('.env', 'mine')),
    });`,
  '.env': 'SECRET',
  '.git/config': 'SECRET',
  'deep/.env.local': 'SECRET',
  'deep/data': 'data',
};
// From the second or third run on forked guests enter a view that is there, spares from the seventh on.
const TIMES = 9;

/** @param {any} t @param {object} config @param {string} name @param {unknown} [input] */
function setUp(t, config) {
  const dir = project(t, files);
  fs.chmodSync(dir, 0o755);
  const runner = sandbox(t, config(dir));
  return (/** @type {string} */ name, /** @type {unknown} */ input) =>
    runner.run({ file: './handler.cjs', export: name }, input, { requestId: 'r', workdir: dir });
}

t.test('it is left out, and what is around it is there', async (t) => {
  const run = setUp(t, () => ({}));
  for (let i = 0; i < TIMES; i++) {
    const { data, error } = /** @type {any} */ (await run('all', null));
    t.equal(error, undefined);
    const { listed, moved, ...rest } = data;
    t.match(moved, /^E(ACCES|ROFS|BUSY|XDEV|PERM)$/);
    // Without a mount to cover it, Landlock cannot keep the names in it from who may list what is above it.
    t.ok(listed === 'EACCES' || listed === 1, String(listed));
    t.same(rest, {
      env: 'EACCES',
      deep: 'EACCES',
      git: 'EACCES',
      beside: 'data',
      top: true,
      below: true,
    });
  }
});

t.test('what filesystem.allow names is there', async (t) => {
  const run = setUp(t, (/** @type {string} */ dir) => ({
    permissions: {
      filesystem: {
        allow: [path.join(dir, '.env'), path.join(dir, '.git/config')],
        readOnly: true,
      },
    },
  }));
  for (let i = 0; i < 3; i++)
    t.match(await run('all', null), {
      data: { env: 'SECRET', git: 'SECRET', deep: 'EACCES', beside: 'data', top: true },
    });
});

t.test('the error says what would allow it', async (t) => {
  const run = setUp(t, () => ({}));
  for (const name of ['.env', '.git/config'])
    t.match(await run('read', name), {
      error: {
        code: 'PERMISSION_DENIED',
        message:
          /is left out of what a handler sees of its package.*permissions\.filesystem\.allow/,
        details: { key: 'permissions.filesystem.allow' },
      },
    });
});

t.test('what must be left out and cannot be keeps a handler from running', async (t) => {
  const dir = project(t, files);
  for (let i = 0; i < 200; i++) fs.writeFileSync(path.join(dir, `.env.${i}`), '');
  const runner = sandbox(t);
  const ctx = { requestId: 'r', workdir: dir };
  t.match(await runner.run({ file: './handler.cjs', export: 'all' }, null, ctx), {
    error: { code: 'ISOLATION_UNAVAILABLE', message: /pluginRoot/ },
  });
});
