// What a guest finds around it, and how its code is found: PEERS' abuse cases 61 to 64.
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { hasNamespaces } from '../zygote/helper.js';
import { handler, project, run, sandbox, startup } from './helper.js';

const env = (/** @type {string[]} */ ...allow) => ({ permissions: { env: { allow } } });

t.test('61. the environment is what is allowed and nothing else', async (t) => {
  process.env.SBX_TEST_SECRET = 'secret';
  process.env.SBX_TEST_A = 'a';
  process.env.SBX_TEST_B = 'b=c';
  t.teardown(() => {
    for (const name of ['SBX_TEST_SECRET', 'SBX_TEST_A', 'SBX_TEST_B']) delete process.env[name];
  });
  const body = handler('return process.env;');
  t.match(Object.keys((await run(t, body)).data), ['HOME']);
  const seen = async (/** @type {any} */ config) => {
    const { HOME, ...rest } = (await run(t, body, { config })).data;
    t.type(HOME, 'string');
    return rest;
  };
  t.same(await seen(env('SBX_TEST_A', 'SBX_TEST_MISSING')), {
    SBX_TEST_A: 'a',
  });
  t.same(await seen(env('SBX_TEST_*')), {
    SBX_TEST_A: 'a',
    SBX_TEST_B: 'b=c',
    SBX_TEST_SECRET: 'secret',
  });
  // Not in the process either, where /proc would show it.
  const raw = await run(
    t,
    handler(`return (await import('node:fs')).readFileSync('/proc/self/environ', 'latin1');`),
  );
  t.notMatch(raw.data, 'secret');
});

t.test('61. names that steer the loader never reach exec', async (t) => {
  const names = [
    'NODE_OPTIONS',
    'NODE_PATH',
    'LD_PRELOAD',
    'LD_AUDIT',
    'NODE_EXTRA_CA_CERTS',
    'OPENSSL_CONF',
    'UV_THREADPOOL_SIZE',
    'NODE_CHANNEL_FD',
  ];
  const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  t.teardown(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  for (const name of names)
    process.env[name] = name === 'NODE_OPTIONS' ? '--require=/nowhere/x.cjs' : '/nowhere/x';
  const body = handler(
    // That of a forked guest, which is not dumpable, is root's; it was never executed either.
    `const { startup } = input;
    const exec = () => process.getuid() && startup === 'fork' ? '' : fs.readFileSync('/proc/self/environ', 'latin1');
    const fs = await import('node:fs');
    return { env: process.env, exec: exec() };`,
  );
  const { ok, data, error } = await run(t, body, {
    config: env(...names),
    input: { startup },
  });
  t.ok(ok, JSON.stringify(error));
  t.equal(data.env.NODE_OPTIONS, '--require=/nowhere/x.cjs');
  t.equal(data.env.LD_PRELOAD, '/nowhere/x');
  t.notMatch(data.exec, 'nowhere');
});

t.test('62. PATH does not choose the runtime', async (t) => {
  const dir = project(t, { node: '#!/bin/sh\necho pwned\n' });
  fs.chmodSync(path.join(dir, 'node'), 0o755);
  const before = process.env.PATH;
  process.env.PATH = `${dir}:${before}`;
  t.teardown(() => (process.env.PATH = before));
  const { data, logs } = await run(t, handler('return process.execPath;'), { config: env('PATH') });
  t.equal(data, fs.realpathSync(process.execPath));
  t.same(logs, []);
});

t.test("the host's own flags are not the guest's", async (t) => {
  const { data } = await run(
    t,
    handler('return [process.execArgv, process.argv.length, process.title];'),
  );
  t.notOk(data[0].some((/** @type {string} */ flag) => /import|require|loader|inspect/.test(flag)));
});

t.test('64. how a handler is found', async (t) => {
  const files = {
    'plain.mjs': `export const handle = () => 'esm';`,
    'common.cjs': `'use strict'; exports.handle = () => 'cjs'; exports.nested = 1;`,
    'defaults.mjs': `export default { handle: () => 'default member', default: 1 };`,
    'one.mjs': `export default () => 'default function';`,
    'single.cjs': `module.exports = () => 'module.exports';`,
    'dist/built.js': `exports.handle = () => 'dist';`,
    'typed/package.json': '{"type":"module"}',
    'typed/handler.js': `import { sep } from 'node:path'; export const handle = () => 'module ' + sep;`,
    'sync.mjs': `export function handle(input) { return input * 2; }`,
  };
  const dir = project(t, files);
  const runner = sandbox(t);
  const go = (/** @type {string} */ file, name = 'handle', ctx = {}) =>
    runner.run({ file, export: name }, 21, { requestId: 'r', workdir: dir, ...ctx });
  t.match(await go('./plain.mjs'), { ok: true, data: 'esm' });
  t.match(await go('plain'), { ok: true, data: 'esm' });
  t.match(await go(path.join(dir, 'plain.mjs')), { ok: true, data: 'esm' });
  t.match(await go('common.cjs'), { ok: true, data: 'cjs' });
  t.match(await go('defaults.mjs'), { ok: true, data: 'default member' });
  t.match(await go('one.mjs', 'default'), { ok: true, data: 'default function' });
  t.match(await go('single.cjs', 'default'), { ok: true, data: 'module.exports' });
  t.match(await go('built'), { ok: true, data: 'dist' });
  t.match(await go('typed/handler.js'), { ok: true, data: 'module /' });
  t.match(await go('sync'), { ok: true, data: 42 });
  t.match(await go('handler.js', 'handle', { pluginRoot: path.join(dir, 'typed') }), {
    ok: true,
    data: 'module /',
  });
});

t.test('64. how a handler is not found', async (t) => {
  const files = {
    'ok.mjs': `export const handle = 1; export function other() {}`,
    'getter.cjs': `Object.defineProperty(exports, 'handle', { enumerable: true, get() { throw new Error('trap'); } });`,
    'syntax.mjs': `export const handle = ( => 1;`,
    'imports.mjs': `import 'not-installed-anywhere'; export const handle = () => 1;`,
    'throws.mjs': `throw new RangeError('at the top');`,
    'waits.mjs': `await new Promise(() => {}); export const handle = () => 1;`,
    'hangs.mjs': `setInterval(() => {}, 1000); await new Promise(() => {}); export const handle = () => 1;`,
    'dir/x.txt': '',
  };
  const dir = project(t, files);
  const runner = sandbox(t, { execution: { timeoutMs: 1500, graceMs: 100 } });
  const go = (/** @type {string} */ file, name = 'handle') =>
    runner.run({ file, export: name }, 0, { requestId: 'r', workdir: dir });
  t.match(await go('missing.mjs'), {
    ok: false,
    error: { code: 'HANDLER_NOT_FOUND', message: /missing\.mjs/ },
  });
  t.match(await go('dir'), {
    ok: false,
    error: { code: 'HANDLER_NOT_FOUND', message: /directory/ },
  });
  t.match(await go('ok.mjs', 'absent'), {
    ok: false,
    error: { code: 'HANDLER_NOT_FOUND', message: /absent.*other|other.*absent/s },
  });
  t.match(await go('ok.mjs', 'handle'), {
    ok: false,
    error: { code: 'HANDLER_NOT_FOUND', message: /function/ },
  });
  t.match(await go('ok.mjs', 'constructor'), { ok: false, error: { code: 'HANDLER_NOT_FOUND' } });
  t.match(await go('getter.cjs'), { ok: false, error: { code: /^HANDLER_(ERROR|NOT_FOUND)$/ } });
  t.match(await go('syntax.mjs'), {
    ok: false,
    error: { code: 'HANDLER_ERROR', name: 'SyntaxError', details: { phase: 'load' } },
  });
  t.match(await go('imports.mjs'), {
    ok: false,
    error: {
      code: 'HANDLER_ERROR',
      message: /not-installed-anywhere/,
      details: { phase: 'load', code: 'ERR_MODULE_NOT_FOUND' },
    },
  });
  t.match(await go('throws.mjs'), {
    ok: false,
    error: {
      code: 'HANDLER_ERROR',
      name: 'RangeError',
      message: 'at the top',
      details: { phase: 'load' },
    },
  });
  t.match(await go('waits.mjs'), { ok: false, error: { code: 'HANDLER_EXIT' } });
  t.match(await go('hangs.mjs'), { ok: false, error: { code: 'TIMEOUT' } });
});

t.test('63. an inspector that a guest opens ends with it', async (t) => {
  const result = await run(
    t,
    handler(`
      const inspector = await import('node:inspector');
      inspector.open(0);
      return inspector.url();`),
    { config: { permissions: { network: { allow: ['*'] }, capabilities: ['net:listen'] } } },
  );
  t.equal(result.ok, true);
  const { port } = new URL(result.data);
  const socket = net.connect({ host: '127.0.0.1', port: Number(port) });
  const [error] = await once(socket, 'error');
  t.equal(error.code, 'ECONNREFUSED');
});

t.test('63. an addon that is none', async (t) => {
  const files = {
    'handler.mjs': handler(`process.dlopen({ exports: {} }, ctx.workdir + '/fake.node');`),
    'fake.node': 'not an ELF file at all',
  };
  t.match(await run(t, files), {
    error: { code: 'HANDLER_ERROR', details: { code: 'ERR_DLOPEN_FAILED' } },
  });
});

t.test('a guest has a home, a name and an answer about its network', async (t) => {
  const body = handler(`const os = await import('node:os');
    const fs = await import('node:fs');
    const look = (f) => { try { return f(); } catch (e) { return e.code; } };
    const home = os.homedir();
    return {
      home, env: process.env.HOME, user: os.userInfo(), bytes: os.userInfo({ encoding: 'buffer' }).username.toString(),
      uid: process.getuid(), gid: process.getgid(), interfaces: os.networkInterfaces(),
      written: look(() => { fs.mkdirSync(home + '/.cache'); return fs.existsSync(home + '/.cache'); }),
    };`);
  const ask = async (/** @type {any} */ config) => {
    const { ok, data, error } = await run(t, body, { config });
    t.ok(ok, JSON.stringify(error));
    t.same(data.user, {
      uid: data.uid,
      gid: data.gid,
      username: 'sandbox',
      homedir: data.home,
      shell: null,
    });
    t.equal(data.bytes, 'sandbox');
    t.equal(data.home, data.env);
    return data;
  };
  const own = hasNamespaces();
  const data = await ask({});
  t.equal(data.home, own ? '/tmp' : '/nonexistent');
  if (own) t.equal(data.written, true, 'where it may write');
  t.same(data.interfaces, {});
  t.equal((await ask({ execution: { tmpSizeMb: 0 } })).home, '/nonexistent');
  t.equal((await ask({ permissions: { filesystem: { allow: ['/tmp'] } } })).home, '/nonexistent');

  const before = process.env.HOME;
  process.env.HOME = '/somewhere/of/the/host';
  t.teardown(() => (process.env.HOME = before));
  t.equal((await ask(env('HOME'))).home, '/somewhere/of/the/host');
  t.equal((await ask(env('HOME*'))).home, '/somewhere/of/the/host');
  t.not((await ask({})).home, '/somewhere/of/the/host', 'unless it is allowed');
  t.same(
    (await ask({ permissions: { network: { allow: ['*'] } } })).interfaces,
    os.networkInterfaces(),
    "those of the host's network, for a guest that is in it",
  );
  t.same((await ask({ permissions: { network: { allow: ['example.com'] } } })).interfaces, {});
});
