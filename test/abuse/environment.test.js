// Abuse cases 61 to 64, environment and loading of code: the controls, and what
// test/run/environment.test.js leaves out.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { handler, project, run, sandbox, startup } from '../run/helper.js';
import { host } from './helper.js';
import { lacks, needs } from '../needs.js';

/** For the time of a test. @param {any} t @param {Record<string, string>} variables */
function setEnvironment(t, variables) {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name];
    process.env[name] = value;
    t.teardown(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

t.test('61. the control: such names do steer a plain Node.js', async (t) => {
  const dir = project(t, {
    'required.cjs': `globalThis.steered = 'required';`,
    'modules/steering/index.js': `module.exports = 'found';`,
    'handler.mjs': handler(`
      const { createRequire } = await import('node:module');
      let found = '';
      try { found = createRequire(import.meta.url)('steering'); } catch {}
      return { steered: globalThis.steered ?? '', found };`),
  });
  const steering = {
    NODE_OPTIONS: `--require=${dir}/required.cjs`,
    NODE_PATH: `${dir}/modules`,
  };
  const script = `const { handle } = await import('${dir}/handler.mjs'); console.log(JSON.stringify(await handle()));`;
  const plain = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, ...steering },
  });
  t.same(JSON.parse(String(plain.stdout)), { steered: 'required', found: 'found' });

  setEnvironment(t, steering);
  const config = { permissions: { env: { allow: Object.keys(steering) } } };
  const runner = sandbox(t, config);
  const ref = { file: 'handler.mjs', export: 'handle' };
  const { data } = await runner.run(ref, 0, { requestId: 'r', workdir: dir });
  t.same(data, { steered: '', found: '' });
});

t.test('61. the caller’s ctx.env is data and no environment', async (t) => {
  const env = { NODE_OPTIONS: '--inspect', SBX_FROM_CTX: '1' };
  const { data } = await run(t, handler('return [ctx.env, process.env, process.execArgv];'), {
    ctx: { env },
  });
  t.same(data[0], env);
  t.same(Object.keys(data[1]), ['HOME']);
  t.notOk(data[2].includes('--inspect'));
});

t.test('61. a run’s own TRACEPARENT beats one of the host', async (t) => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const spanId = 'b7ad6b7169203331';
  setEnvironment(t, { TRACEPARENT: 'the host’s' });
  const config = { permissions: { env: { allow: ['TRACEPARENT'] } } };
  // A forked guest is not dumpable: without root its file is not its own.
  const look = startup === 'spawn' || process.getuid?.() === 0;
  const body = handler(`
    const environ = ${look} && (await import('node:fs')).readFileSync('/proc/self/environ', 'utf8');
    return [process.env.TRACEPARENT, environ ? environ.match(/TRACEPARENT=/g).length : 1];`);
  const { data } = await run(t, body, { config, ctx: { traceId, spanId } });
  t.same(data, [`00-${traceId}-${spanId}-01`, 1]);
  t.same((await run(t, body, { config })).data, ['the host’s', 1], 'the control');
});

t.test('62. the control: a runtime looked up in PATH is whoever comes first', async (t) => {
  const dir = project(t, { node: '#!/bin/sh\necho pwned\n' });
  fs.chmodSync(path.join(dir, 'node'), 0o755);
  const env = { ...process.env, PATH: `${dir}:${process.env.PATH}` };
  t.equal(String(spawnSync('node', ['-p', '1'], { env }).stdout), 'pwned\n');
});

t.test('62. neither the working directory nor the environment chooses the launcher', async (t) => {
  const evil = '#!/bin/sh\necho pwned >&2\nexit 9\n';
  const dir = project(t, {
    'handler.mjs': handler('return 1;'),
    'build/Release/launcher': evil,
    launcher: evil,
  });
  for (const name of ['build/Release/launcher', 'launcher'])
    fs.chmodSync(path.join(dir, name), 0o755);
  setEnvironment(t, {
    PATH: `${dir}:${process.env.PATH}`,
    KB_SANDBOX_LAUNCHER: path.join(dir, 'launcher'),
    SBX_LAUNCHER: path.join(dir, 'launcher'),
    LD_LIBRARY_PATH: dir,
  });
  const files = fs.readFileSync(path.join(dir, 'handler.mjs'), 'utf8');
  const result = await host(
    t,
    files,
    `
    process.chdir(${JSON.stringify(dir)});
    const runner = createSandboxRunner({});
    console.log((await runner.run(ref, 0, ctx)).data);
    await runner.dispose();`,
  );
  t.match(result, { code: 0, out: '1\n', err: '' });
});

t.test('63. native code in a guest has no more rights than JavaScript', async (t) => {
  const built = fileURLToPath(new URL('../../build/Release/sandbox.node', import.meta.url));
  const dir = project(t, {
    'handler.mjs': handler(`
      const module = { exports: {} };
      process.dlopen(module, ctx.workdir + '/addon.node');
      const status = (await import('node:fs')).readFileSync('/proc/self/status', 'utf8');
      const values = Object.fromEntries(status.split('\\n').map((line) => line.split(':\\t')));
      return [typeof module.exports.openRunner, values.NoNewPrivs, Number('0x' + values.CapEff)];`),
  });
  fs.copyFileSync(built, path.join(dir, 'addon.node'));
  const ref = { file: 'handler.mjs', export: 'handle' };
  const ctx = { requestId: 'r', workdir: dir };
  // That it loads is the control: an addon is not what confines a guest.
  const { data, error } = await sandbox(t).run(ref, 0, ctx);
  t.same(data, ['function', '1', 0], JSON.stringify(error));
});

t.test('63. set-uid programs give nothing', async (t) => {
  if (!needs(t, 'root')) return;
  const dir = project(t, {});
  fs.chmodSync(dir, 0o755);
  const id = execFileSync('sh', ['-c', 'command -v id']).toString().trim();
  const copy = path.join(dir, 'id');
  fs.copyFileSync(fs.realpathSync(id), copy);
  fs.chownSync(copy, 65533, 65533);
  fs.chmodSync(copy, 0o6755);
  if (String(spawnSync(copy, ['-u']).stdout) !== '65533\n')
    return lacks(t, 'set-uid', `${dir} is mounted nosuid, so that there is no control`);
  const permissions = {
    env: { allow: ['PATH'] },
    capabilities: ['process:spawn'],
    filesystem: { allow: ['/bin', '/usr', '/lib', '/lib64', dir] },
  };
  const body = handler(`
    const { spawnSync } = await import('node:child_process');
    const { stdout, error } = spawnSync(input, ['-u']);
    return error ? error.code : String(stdout);`);
  const { data } = await run(t, body, { input: copy, config: { permissions } });
  t.not(data, '65533\n');
});

t.test('63. what opens an inspector leaves the run as it was', async (t) => {
  const body = handler(`
    process.kill(process.pid, 'SIGUSR1');
    await new Promise((resolve) => setTimeout(resolve, 100));
    return 'went on';`);
  t.match(await run(t, body), { ok: true, data: 'went on' });
});

t.test('64. a file that is swapped all the time is one of its versions', async (t) => {
  const version = (/** @type {string} */ name) =>
    `export const name = '${name}';\n${'// padding\n'.repeat(2000)}` +
    `export function handle() { return [name, '${name}']; }\n`;
  const dir = project(t, { 'handler.mjs': version('a'), a: version('a'), b: version('b') });
  const target = path.join(dir, 'handler.mjs');
  let swaps = 0;
  const timer = setInterval(() => {
    const from = ++swaps % 2 ? 'b' : 'a';
    fs.linkSync(path.join(dir, from), `${target}.new`);
    fs.renameSync(`${target}.new`, target);
  }, 1);
  t.teardown(() => clearInterval(timer));
  const runner = sandbox(t, { execution: { concurrency: 2 } });
  const ref = { file: 'handler.mjs', export: 'handle' };
  const results = await Promise.all(
    Array.from({ length: 30 }, () => runner.run(ref, 0, { requestId: 'r', workdir: dir })),
  );
  clearInterval(timer);
  t.ok(swaps > 30);
  for (const { ok, data, error } of results) {
    t.ok(ok, JSON.stringify(error));
    t.equal(data?.[0], data?.[1]);
  }
  const seen = new Set(results.map(({ data }) => data?.[0]));
  t.same([...seen].sort(), ['a', 'b'], 'the control: both were there to be loaded');
});

t.test('64. what is loaded is decided in the guest', async (t) => {
  // A FIFO would hold up whoever opens it; a link to nowhere and a device are no handlers either.
  const dir = project(t, { 'real.mjs': handler(`return 'real';`) });
  execFileSync('mkfifo', [path.join(dir, 'fifo.mjs')]);
  fs.symlinkSync('nowhere.mjs', path.join(dir, 'dangling.mjs'));
  fs.symlinkSync('loop.mjs', path.join(dir, 'loop.mjs'));
  fs.symlinkSync('real.mjs', path.join(dir, 'link.mjs'));
  const runner = sandbox(t, { execution: { timeoutMs: 5000 } });
  const go = (/** @type {string} */ file) =>
    runner.run({ file, export: 'handle' }, 0, { requestId: 'r', workdir: dir });
  for (const file of ['fifo.mjs', 'dangling.mjs', 'loop.mjs'])
    t.match(await go(file), { ok: false, error: { code: 'HANDLER_NOT_FOUND' } }, file);
  t.match(await go('link.mjs'), { ok: true, data: 'real' }, 'the control');
});
