// `startup: 'auto'`: which runs are forked, and what is said when none can be.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { handler, project, sandbox, until } from '../run/helper.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

t.test('handlers that compute for long are spawned', async (t) => {
  const runner = sandbox(t, { startup: 'auto' });
  const dir = project(t, {
    'handler.mjs': `
      export const short = () => 1;
      export function long(ms) {
        const enough = () => { const { user, system } = process.cpuUsage(); return user + system > ms * 1e3; };
        while (!enough());
        return 2;
      }`,
  });
  const call = async (/** @type {string} */ name, /** @type {number} */ input = 0) => {
    const ctx = { requestId: 'r', workdir: dir };
    const { ok, metrics } = await runner.run({ file: './handler.mjs', export: name }, input, ctx);
    t.ok(ok);
    return metrics.startup;
  };
  t.match(runner.isolation().startupReason, /not been tried yet/);
  t.equal(await call('short'), 'spawn');
  await until(() => runner.isolation().startup === 'fork', 'a fork that works');
  t.match(runner.isolation().startupReason, /tried, and works/);
  t.equal(await call('short'), 'fork');
  t.equal(await call('long', 1), 'fork', 'it has not run yet');
  await call('long', 4000);
  t.equal(await call('long', 1500), 'spawn', 'it is known to be long');
  t.equal(await call('short'), 'fork', 'another export of the same file is not');
  for (let i = 0; i < 8; i++) await call('long', 1);
  t.equal(await call('long', 1), 'fork', 'it is short by now');
});

t.test('a build that cannot be forked', async (t) => {
  const copy = project(t, { x: '' });
  for (const name of ['lib', 'package.json'])
    fs.cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  fs.mkdirSync(path.join(copy, 'build/Release'), { recursive: true });
  for (const name of ['launcher', 'sandbox.node'])
    fs.copyFileSync(path.join(root, 'build/Release', name), path.join(copy, 'build/Release', name));
  fs.writeFileSync(path.join(copy, 'build/Release/zygote.node'), 'no module');
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  fs.writeFileSync(path.join(copy, 'handler.mjs'), handler('return 1;'));
  fs.writeFileSync(
    path.join(copy, 'main.mjs'),
    `import { createSandboxRunner } from './lib/index.js';
     const run = (runner) => runner.run({ file: './handler.mjs', export: 'handle' }, 0, {
       requestId: 'r', workdir: import.meta.dirname ?? process.cwd() });
     const auto = createSandboxRunner({ startup: 'auto' });
     const results = [await run(auto)];
     while (/not been tried/.test(auto.isolation().startupReason)) await new Promise((r) => setTimeout(r, 20));
     results.push(await run(auto));
     const fork = createSandboxRunner({ startup: 'fork' });
     const forked = await run(fork);
     await auto.dispose(); await fork.dispose();
     console.log(JSON.stringify({ results, report: auto.isolation(), forked }));`,
  );
  const { stdout, stderr } = spawnSync(process.execPath, ['main.mjs'], {
    cwd: copy,
    encoding: 'utf8',
    timeout: 60_000,
  });
  const { results, report, forked } = JSON.parse(stdout || JSON.stringify({ stderr }));
  for (const result of results) t.match(result, { ok: true, metrics: { startup: 'spawn' } });
  t.match(report, { startup: 'spawn', startupReason: /failed: the zygote.*exit code 1/ });
  t.match(forked, { ok: false, error: { code: 'PROCESS_CRASHED', message: /the zygote/ } });
  const doctor = spawnSync(process.execPath, ['lib/cli.js', 'doctor'], {
    cwd: copy,
    encoding: 'utf8',
  });
  t.equal(doctor.status, 0, 'spawning is no weaker');
  t.match(doctor.stdout, /guests start by 'spawn': a fork .* failed: .*the zygote/);
});
