// Where the binaries may come from, and what happens without them.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import t from 'tap';
import { handler, project } from './run/helper.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A copy of the package without binaries. @param {any} t */
function copyOfPackage(t) {
  const dir = project(t, { 'work/handler.mjs': handler('return process.pid;') });
  fs.cpSync(path.join(root, 'lib'), path.join(dir, 'lib'), { recursive: true });
  fs.copyFileSync(path.join(root, 'package.json'), path.join(dir, 'package.json'));
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(dir, 'node_modules'));
  return dir;
}

/**
 * Runs a handler with the package in `dir`.
 *
 * @param {string} dir
 * @param {{ mode?: string, before?: string, env?: object }} [options]
 */
function use(dir, { mode = 'subprocess', before = '', env = {} } = {}) {
  const program = `
    ${before}
    const { createSandboxRunner } = await import(${JSON.stringify(pathToFileURL(path.join(dir, 'lib/index.js')).href)});
    const runner = createSandboxRunner({ mode: '${mode}' });
    const result = await runner.run({ file: 'handler.mjs', export: 'handle' }, 0,
      { requestId: 'r', workdir: ${JSON.stringify(path.join(dir, 'work'))} });
    console.log(JSON.stringify({ ...result, isolation: runner.isolation() }));
    await runner.dispose();`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: dir,
    env: { ...process.env, ...env },
  });
  if (!String(stdout)) throw new Error(String(stderr));
  return JSON.parse(String(stdout));
}

t.test('without binaries', async (t) => {
  const dir = copyOfPackage(t);
  const { ok, error, isolation } = use(dir);
  t.notOk(ok);
  t.equal(error.code, 'UNSUPPORTED_PLATFORM');
  t.match(error.message, /is not there for.*npx kb-sandbox build/);
  t.match(error.message, path.join('build', 'Release'));
  t.ok(
    isolation.layers.every((/** @type {any} */ { status }) => status === 'unavailable'),
    'and isolation() says so',
  );
  t.match(use(dir, { mode: 'inprocess' }), { ok: true });
});

t.test('they are taken from the package alone', async (t) => {
  const dir = copyOfPackage(t);
  const binaries = path.join(root, 'build', 'Release');
  // Where somebody else could put them.
  fs.cpSync(binaries, path.join(dir, 'work', 'build', 'Release'), { recursive: true });
  const env = { PATH: `${binaries}:${process.env.PATH}`, NODE_PATH: binaries, SBX_BUILD: binaries };
  t.match(use(dir, { env }), { error: { code: 'UNSUPPORTED_PLATFORM' } });

  const prebuilt = path.join(dir, 'prebuilds', `${process.platform}-${process.arch}`);
  fs.mkdirSync(prebuilt, { recursive: true });
  for (const name of ['sandbox.node', 'launcher'])
    fs.copyFileSync(path.join(binaries, name), path.join(prebuilt, name));
  t.match(use(dir), { ok: true });
});

t.test('binaries that are broken', async (t) => {
  const dir = copyOfPackage(t);
  const place = path.join(dir, 'build', 'Release');
  fs.mkdirSync(place, { recursive: true });
  fs.writeFileSync(path.join(place, 'launcher'), 'not a program', { mode: 0o755 });
  fs.writeFileSync(path.join(place, 'sandbox.node'), 'not an addon');
  const { error } = use(dir);
  t.match(error, {
    code: 'UNSUPPORTED_PLATFORM',
    message: /does not load on.*glibc[^]*sandbox\.node/,
  });
  t.notMatch(error.message, /is not there/);

  // An addon that loads, with a launcher that does not start: a run's own failure.
  fs.copyFileSync(
    path.join(root, 'build', 'Release', 'sandbox.node'),
    path.join(place, 'sandbox.node'),
  );
  t.match(use(dir), {
    ok: false,
    error: { code: 'PROCESS_CRASHED', details: { launcher: { exitCode: 127 } } },
  });
});

t.test('a launcher that ends at once', async (t) => {
  const dir = copyOfPackage(t);
  const place = path.join(dir, 'build', 'Release');
  fs.mkdirSync(place, { recursive: true });
  fs.copyFileSync(
    path.join(root, 'build', 'Release', 'sandbox.node'),
    path.join(place, 'sandbox.node'),
  );
  fs.writeFileSync(path.join(place, 'launcher'), '#!/bin/sh\nexit 9\n', { mode: 0o755 });
  t.match(use(dir), {
    ok: false,
    error: { code: 'PROCESS_CRASHED', details: { launcher: { exitCode: 9, signal: null } } },
  });
});

t.test('other platforms', async (t) => {
  const before = `Object.defineProperty(process, 'platform', { value: 'darwin' });`;
  const { error } = use(root, { before });
  t.match(error, { code: 'UNSUPPORTED_PLATFORM', message: /needs Linux.*darwin.*inprocess/ });
});
