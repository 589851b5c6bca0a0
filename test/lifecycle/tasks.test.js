// A host whose user may start few more processes and threads: every run ends, and says which limit it was.
// How many a Node.js takes is a matter of the machine, so that several limits are tried.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import path from 'node:path';
import t from 'tap';
import { nameTaskLimit } from '../../lib/tasks.js';
import { needs } from '../needs.js';
import { project } from '../run/helper.js';

const index = pathToFileURL(
  path.join(path.dirname(fileURLToPath(import.meta.url)), '../../lib/index.js'),
).href;
/** Of a run of one second. It took more than 60 s in vain before. */
const AT_MOST_MS = 40_000;

/** @param {string} dir */
const program = (dir) => `
  import { createSandboxRunner } from '${index}';
  const runner = createSandboxRunner({
    startup: process.argv[1],
    execution: { timeoutMs: 1000, graceMs: 100 },
  });
  const began = performance.now();
  const { ok, error } = await runner.run({ file: 'h.mjs', export: 'handle' }, 1,
    { requestId: 'r', workdir: ${JSON.stringify(dir)} });
  console.log(JSON.stringify({ ok, error, ms: performance.now() - began }));
  await runner.dispose();`;

t.setTimeout(400_000);
t.test('few processes', async (t) => {
  if (!needs(t, 'root', 'program:setpriv')) return;
  const dir = project(t, { 'h.mjs': 'export const handle = (x) => x;' });
  fs.chmodSync(dir, 0o755);
  const limits = [12, 14, 15, 16, 17, 18, 20];
  const queue = limits.flatMap((limit) => [
    ['spawn', limit],
    ['fork', limit],
  ]);
  let refused = 0;
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [startup, limit] = next;
      // A user of its own each, since the limit counts all that one has.
      const id = 40_000 + (process.pid % 1000) * 20 + queue.length;
      const child = spawn('setpriv', [
        ...[`--reuid=${id}`, `--regid=${id}`, '--clear-groups', '--inh-caps=-all', 'sh', '-c'],
        `ulimit -u ${limit} 2>/dev/null || ulimit -p ${limit}; exec "$@"`,
        ...['sh', process.execPath, '--input-type=module', '-e', program(dir), String(startup)],
      ]);
      let out = '';
      child.stdout.on('data', (text) => (out += text));
      await new Promise((resolve) => child.once('close', resolve));
      if (out === '') continue; // No limit for a Node.js to run under: the host's own did not start.
      const { ok, error, ms } = JSON.parse(out);
      t.ok(ms < AT_MOST_MS, `${startup} with ${limit}: it ends (${Math.round(ms)} ms)`);
      if (ok) continue;
      refused++;
      t.match(error, { code: /^(TIMEOUT|PROCESS_CRASHED)$/, message: /RLIMIT_NPROC/ });
      t.equal(error.details.limit.max, limit);
    }
  };
  await Promise.all([work(), work(), work()]);
  t.ok(refused > 0, 'some were too few');
});

t.test('no limit is named where there is none', async (t) => {
  const error = { code: 'PROCESS_CRASHED', message: 'It ended.' };
  const later = { startedAt: 1, marks: { boot: 1 }, signal: 'SIGKILL' };
  nameTaskLimit(/** @type {any} */ (error), later);
  t.same(error, { code: 'PROCESS_CRASHED', message: 'It ended.' });
});
