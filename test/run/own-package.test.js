// A host whose handlers see its own package is told so, once.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { project } from './helper.js';

const index = new URL('../../lib/index.js', import.meta.url).href;

/**
 * A host of its own, with two runs.
 *
 * @param {any} t @param {object} ctx beside its workdir
 */
function host(t, ctx) {
  const dir = fs.realpathSync(
    project(t, {
      'package.json': '{"type":"module"}',
      'plugins/a/handler.js': 'export const handle = () => 1;',
      'src/main.js': `import { createSandboxRunner } from ${JSON.stringify(index)};
        const warnings = [];
        process.on('warning', ({ name, code, message }) => warnings.push({ name, code, message }));
        const runner = createSandboxRunner();
        const before = runner.isolation().warnings;
        const oks = [];
        for (let i = 0; i < 2; i++) {
          const ctx = { requestId: 'r', workdir: ${JSON.stringify('DIR')}, ...JSON.parse(process.argv[2]) };
          const { ok, error } = await runner.run({ file: 'DIR/plugins/a/handler.js', export: 'handle' }, 0, ctx);
          oks.push(ok || error);
        }
        const after = runner.isolation().warnings;
        await runner.dispose();
        await new Promise(setImmediate);
        console.log(JSON.stringify({ oks, before, after, warnings }));`,
    }),
  );
  const main = path.join(dir, 'src/main.js');
  fs.writeFileSync(main, fs.readFileSync(main, 'utf8').replaceAll('DIR', dir));
  const out = execFileSync(process.execPath, [main, JSON.stringify(ctx)], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return { dir, ...JSON.parse(out) };
}

t.test('without pluginRoot', async (t) => {
  const { dir, oks, before, after, warnings } = host(t, {});
  t.same(oks, [true, true]);
  t.same(before, []);
  t.equal(after.length, 1);
  t.ok(after[0].includes(dir));
  t.match(after[0], /ctx\.pluginRoot/);
  t.same(warnings, [{ name: 'SandboxWarning', code: 'SBX_OWN_PACKAGE', message: after[0] }]);
});

t.test('with it', async (t) => {
  const { oks, after, warnings } = host(t, { pluginRoot: 'plugins/a' });
  t.same(oks, [true, true]);
  t.same([after, warnings], [[], []]);
});
