// A guest that aborts: for reasons of its own, or since it has no memory.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import t from 'tap';
import { project, sandbox } from './helper.js';
import { needs } from '../needs.js';

const ADDON = `#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void fail(void) {
  fputs("addon: about to look\\n", stderr);
  if (getenv("SBX_TEST_QUIET")) abort();
  assert(3 > 4);
}
`;

t.test('an assertion of an addon fails', async (t) => {
  if (!needs(t, 'program:gcc')) return;
  const workdir = project(t, {
    'addon.c': ADDON,
    'handler.cjs': "exports.handle = () => require('./addon.node');",
  });
  const args = ['-shared', '-fPIC', '-o', 'addon.node', 'addon.c'];
  const { status } = spawnSync('gcc', args, { cwd: workdir });
  t.equal(status, 0);
  const crash = async (/** @type {any} */ config, /** @type {object} */ more = {}) => {
    const runner = sandbox(t, config);
    const handler = { file: './handler.cjs', export: 'handle' };
    const result = await runner.run(handler, null, { requestId: 'r', workdir, ...more });
    t.match(result, { ok: false, error: { code: 'PROCESS_CRASHED' } }, JSON.stringify(result));
    t.equal(/** @type {any} */ (result).error.details.signal, 'SIGABRT');
    return /** @type {any} */ (result).error;
  };
  const said = await crash({});
  t.match(said.details.lastLines, ['addon: about to look', /Assertion `3 > 4' failed/]);
  t.equal(said.message, 'The guest did not finish: it was ended by SIGABRT.');

  process.env.SBX_TEST_QUIET = '1';
  t.teardown(() => delete process.env.SBX_TEST_QUIET);
  const permissions = { env: { allow: ['SBX_TEST_QUIET'] } };
  // In Node.js of a fork, the environment of C is not that of the guest.
  const quiet = await crash({ permissions, startup: 'spawn' });
  t.strictSame(quiet.details.lastLines, ['addon: about to look'], 'by what init saw alone');

  const lines = /** @type {string[]} */ ([]);
  const live = await crash(
    { monitoring: { collectLogs: false } },
    { onLog: (/** @type {string} */ line) => lines.push(line) },
  );
  t.match(live.details.lastLines, lines, 'those that were told');
  t.equal(lines.length, 2);

  const unheard = await crash({ monitoring: { collectLogs: false } });
  t.equal(unheard.details.lastLines, undefined);
  t.match(unheard.message, 'what it printed, which may say why, is not collected');
});

t.test('no memory stays MEMORY_LIMIT', async (t) => {
  const workdir = project(t, {
    'handler.mjs': `export const heap = () => { const all = []; for (;;) all.push({ all: [all.length] }); };
export const buffers = () => { const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1)); };
export const said = (lines) => { for (const line of lines) console.error(line); process.kill(process.pid, 'SIGKILL'); };`,
  });
  for (const collectLogs of [true, false]) {
    const runner = sandbox(t, { execution: { memoryMb: 96 }, monitoring: { collectLogs } });
    for (const name of ['heap', 'buffers']) {
      const handler = { file: path.join(workdir, 'handler.mjs'), export: name };
      const { error } = await runner.run(handler, null, { requestId: 'r', workdir });
      t.equal(error?.code, 'MEMORY_LIMIT', `${name}, ${collectLogs}: ${JSON.stringify(error)}`);
    }
  }
  const forged = await sandbox(t).run(
    { file: './handler.mjs', export: 'said' },
    ['FATAL ERROR: JavaScript heap out of memory'],
    { requestId: 'r', workdir },
  );
  t.equal(forged.error?.code, 'PROCESS_CRASHED', 'a signal that has nothing to do with memory');
});
