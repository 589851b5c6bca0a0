// Hosts that are no plain Node.js, the Node.js that `runtime.path` names, and a host that was bundled.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import t from 'tap';
import { isAtHome } from '../lib/unbundled.js';
import { handler, project, run, sandbox } from './run/helper.js';

const index = new URL('../lib/index.js', import.meta.url).href;

/**
 * A run in a host that seems to be something else: `started` counts what it started.
 *
 * @param {any} t
 * @param {string} before what makes it seem so
 * @param {object} [config]
 */
function inHost(t, before, config = {}) {
  const dir = project(t, { 'h.mjs': handler('return process.execPath;') });
  const program = `
    import child_process from 'node:child_process';
    import { syncBuiltinESMExports } from 'node:module';
    let started = 0;
    for (const name of ['spawn', 'spawnSync', 'execFile']) {
      const real = child_process[name];
      child_process[name] = (...args) => { started++; return real(...args); };
    }
    syncBuiltinESMExports();
    ${before}
    const { createSandboxRunner } = await import('${index}');
    const runner = createSandboxRunner(${JSON.stringify(config)});
    const { ok, data, error } = await runner.run({ file: 'h.mjs', export: 'handle' }, 1,
      { requestId: 'r', workdir: ${JSON.stringify(dir)} });
    console.log(JSON.stringify({ ok, data, error, started, broken: runner.isolation().broken }));
    await runner.dispose();`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
  if (!String(stdout)) throw new Error(String(stderr));
  return JSON.parse(String(stdout));
}

const version = (/** @type {string} */ name) =>
  `Object.defineProperty(process.versions, '${name}', { value: '1.2.3', enumerable: true });`;
/** @type {[name: string, before: string, said: RegExp][]} */
const PACKAGED = [
  [
    'Electron',
    version('electron'),
    /is Electron 1\.2\.3, which a guest would run again: set runtime\.path/,
  ],
  ['pkg', 'process.pkg = {};', /packaged with its Node\.js.*runtime\.path/],
  [
    'a single executable',
    `const sea = process.getBuiltinModule?.('node:sea') ?? (await import('node:sea'));
     (sea.default ?? sea).isSea = () => true; syncBuiltinESMExports();`,
    /a single executable application, which a guest would run again/,
  ],
  ['no /proc', `process.execPath = 'node';`, /does not know its own path.*mount \/proc/],
];

for (const [name, before, said] of PACKAGED)
  t.test(name, async (t) => {
    for (const startup of ['spawn', 'fork', 'auto']) {
      const seen = inHost(t, before, { startup });
      t.match(seen, { ok: false, error: { code: 'UNSUPPORTED_PLATFORM', message: said } });
      t.match(seen.broken, [said], 'and isolation() says so');
      t.equal(seen.started, 0, 'nothing was started');
    }
    if (name === 'no /proc') return;
    const node = fs.realpathSync(process.execPath);
    const named = inHost(t, before, { runtime: { path: node } });
    t.match(named, { ok: true, data: node, broken: [] }, 'unless a Node.js is named');
  });

for (const name of ['bun', 'deno'])
  t.test(`the host is ${name}`, async (t) => {
    const seen = inHost(t, version(name), { runtime: { path: process.execPath } });
    t.match(seen, { error: { code: 'UNSUPPORTED_PLATFORM', message: /needs Node\.js; this is/ } });
    t.equal(seen.started, 0);
  });

t.test('runtime.path', async (t) => {
  const dir = project(t, {});
  // A link, and a file that is there and is no program.
  fs.symlinkSync(process.execPath, path.join(dir, 'node'));
  fs.writeFileSync(path.join(dir, 'text'), '');
  for (const startup of /** @type {const} */ (['spawn', 'fork'])) {
    const runner = sandbox(t, { startup, runtime: { path: path.join(dir, 'node') } });
    const { data } = await run(t, handler('return process.execPath;'), { runner });
    t.equal(data, fs.realpathSync(process.execPath));
    for (const name of ['text', 'absent']) {
      const config = { startup, runtime: { path: path.join(dir, name) } };
      const { error } = await run(t, handler(''), { config });
      t.match(error, { code: 'UNSUPPORTED_PLATFORM', message: /runtime\.path cannot be executed/ });
    }
  }
  t.throws(
    () => sandbox(t, { runtime: { path: 'node' } }),
    /must be the absolute path of a Node\.js/,
  );
  t.throws(
    () => sandbox(t, { runtime: /** @type {any} */ ({ Path: '/x' }) }),
    /did you mean 'path'/,
  );
});

t.test('a host that was bundled', async (t) => {
  t.ok(isAtHome(new URL('../lib/unbundled.js', import.meta.url).href));
  t.notOk(isAtHome(undefined), 'as CommonJS, where there is no URL');
  // As a bundler leaves it: in a file of the application, whose package.json it finds.
  const dir = project(t, { 'package.json': '{"name":"app"}', 'out/.keep': '' });
  const bundle = path.join(dir, 'out', 'bundle.mjs');
  fs.copyFileSync(fileURLToPath(new URL('../lib/unbundled.js', import.meta.url)), bundle);
  await t.rejects(import(pathToFileURL(bundle).href), /was bundled.*external/);
});
