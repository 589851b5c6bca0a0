// Runs whose package other threads still look at: they see the input of their call, and can be ended.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { project, sandbox } from './helper.js';

const files = {
  'package.json': '{"name":"a"}',
  'handler.cjs': 'exports.handle = (input) => input;',
  'node_modules/dep/package.json': '{}',
};
const ref = { file: './handler.cjs', export: 'handle' };

/** Directories of that tree are not read until it is let go. @param {any} t @param {string} dir */
function hold(t, dir) {
  const { opendir } = fs.promises;
  /** @type {() => void} */
  let release = () => {};
  const released = new Promise((resolve) => (release = () => resolve(undefined)));
  /** @type {() => void} */
  let reached = () => {};
  const held = new Promise((resolve) => (reached = () => resolve(undefined)));
  fs.promises.opendir = /** @type {any} */ (
    async (/** @type {any} */ at, /** @type {any} */ options) => {
      if (String(at).startsWith(fs.realpathSync(dir))) {
        reached();
        await released;
      }
      return opendir(at, options);
    }
  );
  t.teardown(() => {
    release();
    fs.promises.opendir = opendir;
  });
  return { held, release };
}

t.test('the input is that of the call', async (t) => {
  for (const serialization of /** @type {const} */ (['json', 'advanced'])) {
    const dir = project(t, files);
    const { held, release } = hold(t, dir);
    const runner = sandbox(t, { serialization });
    const input = { list: Array.from({ length: 20_000 }, (_, i) => ({ i })), text: 'before' };
    const running = runner.run(ref, input, { requestId: 'r', workdir: dir });
    input.list[7].i = -1;
    input.text = 'after';
    await held;
    input.list.length = 1;
    release();
    const { ok, data } = /** @type {any} */ (await running);
    t.same([ok, data?.list.length, data?.list[7], data?.text], [true, 20_000, { i: 7 }, 'before']);
  }
});

t.test('it is aborted, or its runner disposed of, meanwhile', async (t) => {
  for (const how of ['abort', 'dispose']) {
    const dir = project(t, files);
    const { held, release } = hold(t, dir);
    const before = childrenOf(process.pid);
    const runner = sandbox(t);
    const controller = new AbortController();
    const { signal } = controller;
    const running = runner.run(ref, 1, { requestId: 'r', workdir: dir, signal });
    await held;
    if (how === 'abort') controller.abort();
    else await runner.dispose();
    const code = how === 'abort' ? 'ABORTED' : 'DISPOSED';
    t.match(await running, { ok: false, error: { code } });
    release();
    if (how === 'abort')
      t.match(await runner.run(ref, 2, { requestId: 'r', workdir: dir }), { ok: true, data: 2 });
    else {
      // Nothing is started once the directory has been read.
      await new Promise((resolve) => setTimeout(resolve, 50));
      t.same(childrenOf(process.pid), before);
    }
  }
});

/** @param {number} pid */
function childrenOf(pid) {
  const file = path.join('/proc', String(pid), 'task', String(pid), 'children');
  return fs.readFileSync(file, 'utf8').split(' ').filter(Boolean);
}
