// What a denial is told to come from: the units, and uncaught errors of real guests.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { explainDenial } from '../lib/denials.js';
import { handler, project, run, sandbox } from './run/helper.js';

const permissions = {
  env: { allow: [] },
  filesystem: { allow: [], deny: [], readOnly: false },
  network: { allow: [], deny: [] },
  capabilities: [],
};
const may = {
  permissions,
  grants: ['r/app', 'o/app/out', 'w/data'],
  deny: ['/data/secret'],
  workdir: '/app',
  ownTmp: true,
};
const keyOf = (/** @type {object} */ details, more = {}) =>
  explainDenial(/** @type {any} */ (details), { ...may, ...more })?.key;

t.test('files', async (t) => {
  const file = (
    /** @type {string} */ code,
    /** @type {string} */ syscall,
    /** @type {string} */ path,
  ) => keyOf({ code, syscall, path });
  t.equal(file('ENOENT', 'open', '/etc/passwd'), 'permissions.filesystem.allow');
  t.equal(file('EACCES', 'scandir', '/'), 'permissions.filesystem.allow');
  t.equal(file('EACCES', 'open', '/data/secret/x'), 'permissions.filesystem.deny');
  t.equal(file('EROFS', 'open', 'config.json'), 'permissions.filesystem.allow');
  t.equal(file('EACCES', 'mkdir', '/app/new'), 'permissions.filesystem.allow');
  t.equal(
    file('ENOENT', 'open', '/app/missing.json'),
    undefined,
    'it may look, and it is not there',
  );
  t.equal(file('EACCES', 'open', '/app/out/of-mode-000'), undefined, 'not by a guard');
  t.equal(file('ENOENT', 'open', '/tmp/missing'), undefined, 'in a /tmp of its own');
  t.equal(
    keyOf({ code: 'ENOENT', syscall: 'open', path: '/tmp/x' }, { ownTmp: false }),
    'permissions.filesystem.allow',
  );
  t.equal(file('EIO', 'open', '/etc/passwd'), undefined);
  t.equal(
    keyOf({ code: 'EACCES', syscall: 'rename', path: '/app/out/a', dest: '/etc/a' }),
    'permissions.filesystem.allow',
  );
  const dir = project(t, { open: '', shut: '' });
  fs.chmodSync(path.join(dir, 'shut'), 0);
  const open = (/** @type {string} */ name) =>
    keyOf(
      { code: 'EACCES', syscall: 'open', path: path.join(dir, name) },
      { grants: [`r${dir}`, `h${dir}/.env`] },
    );
  t.equal(open('open'), 'permissions.filesystem.allow', 'who may read it was to write');
  t.equal(open('new'), 'permissions.filesystem.allow', 'or to make it');
  t.equal(open('shut'), undefined, 'its mode keeps everybody out');
  t.equal(open('.env'), 'permissions.filesystem.allow', 'it is left out');
  const readOnly = {
    permissions: { ...permissions, filesystem: { allow: ['/data'], deny: [], readOnly: true } },
    grants: ['r/data'],
  };
  t.equal(
    keyOf({ code: 'EROFS', syscall: 'open', path: '/data/x' }, readOnly),
    'permissions.filesystem.readOnly',
  );
});

t.test('processes and network', async (t) => {
  t.equal(
    keyOf({ code: 'EDNS', errno: -13, syscall: 'getaddrinfo', hostname: 'a.test' }),
    'permissions.network.allow',
    'a client that has put a code of its own into the error',
  );
  t.equal(keyOf({ code: 'EDNS', errno: -3008, syscall: 'getaddrinfo' }), undefined);
  t.equal(keyOf({ code: 'EPERM', syscall: 'spawn sh', path: 'sh' }), 'permissions.capabilities');
  t.equal(
    keyOf({ code: 'EACCES', syscall: 'connect', address: '10.0.0.1', port: 80 }),
    'permissions.network.allow',
  );
  t.equal(
    keyOf({ code: 'EAI_AGAIN', syscall: 'getaddrinfo', hostname: 'a.example' }),
    'permissions.network.allow',
  );
  t.equal(
    keyOf({ code: 'EACCES', syscall: 'listen', address: '::', port: 80 }),
    'permissions.capabilities',
  );
  t.equal(keyOf({ code: 'ECONNREFUSED', syscall: 'connect', address: '10.0.0.1' }), undefined);
  const open = { permissions: { ...permissions, network: { allow: ['*'], deny: [] } } };
  t.equal(keyOf({ code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'a' }, open), undefined);
  t.equal(keyOf({ code: 'EPERM', syscall: 'kill' }), 'permissions');
});

t.test('what cannot be a system error is none', async (t) => {
  for (const details of [
    {},
    { code: 'EACCES' },
    { syscall: 'open' },
    { code: 1, syscall: 'open' },
    { code: 'EACCES', syscall: 'open', path: 'a\0b' },
    { code: 'EACCES', syscall: 'open', path: 7 },
  ])
    t.equal(keyOf(details), undefined);
});

t.test('uncaught in a guest: PERMISSION_DENIED, the path or host, and the key', async (t) => {
  const cases = {
    [`fs.readFileSync('/etc/passwd')`]: ['filesystem.allow', /passwd/],
    [`fs.writeFileSync(new URL('new.txt', import.meta.url), '')`]: ['filesystem.allow', /new\.txt/],
    [`fs.appendFileSync(new URL('handler.mjs', import.meta.url), '')`]: [
      'filesystem.allow',
      /handler\.mjs/,
    ],
    [`await fetch('http://127.0.0.1:8/')`]: ['network.allow', /127\.0\.0\.1/],
    [`await (await import('node:dns')).promises.lookup('a.example')`]: [
      'network.allow',
      /a\.example/,
    ],
    [`(await import('node:child_process')).execFileSync('true')`]: [
      'capabilities',
      /process:spawn/,
    ],
    [`await new Promise((_, no) => net.createServer().on('error', no).listen(0))`]: [
      'capabilities',
      /net:listen/,
    ],
  };
  for (const [code, [key, message]] of Object.entries(cases)) {
    const text = handler(
      `const fs = await import('node:fs'); const net = await import('node:net'); ${code};`,
    );
    const { error } = await run(t, text);
    t.match(
      error,
      { code: 'PERMISSION_DENIED', message, details: { key: `permissions.${key}` } },
      code,
    );
    const caught = handler(
      `const fs = await import('node:fs'); const net = await import('node:net'); try { ${code}; } catch (e) { return (e.cause ?? e).code; }`,
    );
    t.match((await run(t, caught)).data, /^E/, 'caught, it is an ordinary error');
  }
});

t.test(
  'ISOLATION_UNAVAILABLE is for what a machine cannot hold, not for a handler to give',
  async (t) => {
    const { error } = await run(
      t,
      handler(`throw Object.assign(new Error('x'), { code: 'ISOLATION_UNAVAILABLE' });`),
    );
    t.match(error, { code: 'HANDLER_ERROR' });
  },
);

t.test('an import through a link that was not followed', async (t) => {
  const dir = project(t, {
    'victim/package.json': '{"name":"victim","main":"index.cjs"}',
    'victim/index.cjs': 'module.exports = 5;',
    'app/package.json': '{"name":"app"}',
    'app/handler.cjs': "exports.handle = () => require('victim');",
    'app/esm.mjs': "export const handle = async () => (await import('victim')).default;",
    'app/other.cjs': "exports.handle = () => require('absent');",
    'app/node_modules/dep/package.json': '{}',
  });
  fs.chmodSync(dir, 0o755);
  const victim = path.join(dir, 'victim');
  fs.symlinkSync('../../victim', path.join(dir, 'app/node_modules/victim'));
  const ask = async (/** @type {string} */ file, allow = /** @type {string[]} */ ([])) => {
    const runner = sandbox(t, { permissions: { filesystem: { allow, readOnly: true } } });
    const workdir = path.join(dir, 'app');
    return runner.run({ file, export: 'handle' }, null, { requestId: 'r', workdir });
  };
  for (const file of ['./handler.cjs', './esm.mjs']) {
    t.match(await ask(file), {
      error: {
        code: 'PERMISSION_DENIED',
        message: /node_modules\/victim leads to .*\/victim, which is neither in the handler's work/,
        details: { key: 'permissions.filesystem.allow' },
      },
    });
    t.match(await ask(file, [victim]), { ok: true, data: 5 });
  }
  const absent = /** @type {any} */ (await ask('./other.cjs'));
  t.match(absent.error, { code: 'HANDLER_ERROR' }, absent.error.message);
});
