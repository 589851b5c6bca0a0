// Popular packages do real work inside of the sandbox, under the default policy. They are no part of
// `npm test`: `npm ci` in this directory, then `npm run test:packages`; SBX_NODE is the Node.js to
// do it with. Arguments choose handlers by the start of their names.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { createSandboxRunner } from '../../lib/index.js';
import { expected, refused } from './expected.js';

const handlers = fileURLToPath(new URL('./handlers', import.meta.url));
const chosen = process.argv.slice(2);
const files = fs
  .readdirSync(handlers)
  .filter((file) => chosen.length === 0 || chosen.some((start) => file.startsWith(start)));

// All of them together; each has a limit of its own.
t.setTimeout(600_000);
const runner = createSandboxRunner({ execution: { timeoutMs: 60_000 } });
t.teardown(() => runner.dispose());
const { layers } = runner.isolation();
const isMissing = (/** @type {string} */ wanted) =>
  layers.some(({ name, status }) => name === wanted && status === 'unavailable');

t.test('the table is about the handlers that there are', async (t) => {
  const known = [...Object.keys(expected), ...Object.keys(refused)].sort();
  t.same(known, fs.readdirSync(handlers).sort());
});

for (const file of files) {
  t.test(`${file} on Node.js ${process.version}`, async (t) => {
    const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'sandbox-package-'));
    t.teardown(() => fs.rmSync(outdir, { recursive: true, force: true }));
    const { ok, data, error, logs } = await runner.run(
      { file: `./${file}`, export: 'handle' },
      null,
      { requestId: file, workdir: outdir, pluginRoot: handlers, outdir },
    );
    if (!t.ok(ok, 'the handler returns', { error, logs })) return;
    const refusal = refused[file];
    if (refusal === undefined) {
      t.same(data, expected[file]);
      return;
    }
    const { code, ...work } = data;
    const accepted = isMissing(refusal.layer) ? refusal.open : refusal.codes;
    t.ok(accepted.includes(code), `${code} is one of ${accepted.join(', ')}`);
    t.match(work, refusal.rest);
  });
}
