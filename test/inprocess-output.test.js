// What handlers print in the host's own process, and the forms of their files.
import { Console } from 'node:console';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';
import t from 'tap';
import { Logs } from '../lib/logs.js';
import { Output } from '../lib/output.js';
import { project, sandbox } from './run/helper.js';

const config = /** @type {const} */ ({ mode: 'inprocess' });
const text = /** @type {any} */ ({ logFormat: 'text' });
const output = (limit = 1 << 20) => new Output(limit, new Logs(text, { fields: {} }));

t.test('text without an end is cut, and takes no more than its length', async (t) => {
  const out = output(16 << 20);
  const chunk = 'x'.repeat(100);
  // Put together anew for each chunk, this would be 200 GB of copies.
  for (let i = 0; i < 40_000; i++) out.print('info', 'info', chunk);
  out.print('info', 'info', '\nnext\n\nlast');
  out.finish();
  t.equal(out.lines.length, Math.ceil(4_000_000 / 65536) + 3);
  t.same(out.lines.slice(-3), ['next', '', 'last']);
  t.ok(out.lines.every((line) => line.length <= 65536));
  t.equal(out.lines.join('').length, 4_000_000 + 8, 'nothing is lost');

  const exact = output();
  exact.write('info', `${'y'.repeat(65536)}\nend\n`);
  t.same(
    exact.lines.map(({ length }) => length),
    [65536, 3],
    'no empty line behind it',
  );
  const pair = output();
  pair.write('info', `${'y'.repeat(65535)}😀\n`);
  t.same(pair.lines, ['y'.repeat(65535), '😀'], 'no pair of surrogates is cut');
  const empty = output(1000);
  for (let i = 0; i < 10_000; i++) empty.write('info', '\n');
  t.equal(empty.lines.length, 1000, 'empty lines are not free');
  t.equal(empty.dropped, 9000);
});

t.test('bytes of a character come in two chunks', async (t) => {
  const out = output();
  const [first, second] = Buffer.from('é');
  out.print('info', 'info', Buffer.from([first]));
  out.print('error', 'error', Buffer.from('E'));
  out.print('info', 'info', Buffer.from([second]));
  out.print('info', 'info', '616263', 'hex');
  out.print('info', 'info', Buffer.from([first]));
  out.finish();
  t.same(out.lines, ['éabc\ufffd', 'E']);
});

t.test('a console that was replaced', async (t) => {
  const workdir = project(t, {
    'handler.mjs': `export const handle = () => { console.log('a', { b: 1 }); console.warn('w'); console.error('e'); console.table([1]); };`,
  });
  const real = globalThis.console;
  t.teardown(() => {
    globalThis.console = real;
  });
  let elsewhere = '';
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      elsewhere += chunk;
      done();
    },
  });
  const replaced = (globalThis.console = new Console({ stdout, stderr: stdout }));
  const { log } = replaced;
  const runner = sandbox(t, { ...config, monitoring: { logFormat: 'json' } });
  const { logs } = await runner.run({ file: './handler.mjs', export: 'handle' }, null, {
    requestId: 'r',
    workdir,
  });
  const lines = logs.map((line) => JSON.parse(line));
  t.match(
    lines.slice(0, 3).map(({ level, message }) => [level, message]),
    [
      ['info', 'a { b: 1 }'],
      ['warn', 'w'],
      ['error', 'e'],
    ],
  );
  t.equal(lines.length, 8, 'and the table');
  t.equal(replaced.log, log, 'it is given back');
  replaced.log('mine');
  t.equal(elsewhere, 'mine\n', 'what the host prints is its own');
});

t.test('run() never rejects', async (t) => {
  const workdir = project(t, {
    'handler.mjs': `export const handle = () => { console.log('a'); console.warn('b'); return 1; };`,
  });
  const source = `
    import { createSandboxRunner } from ${JSON.stringify(new URL('../lib/index.js', import.meta.url))};
    const log = console.log.bind(console);
    if (process.argv[2] === 'frozen') Object.freeze(console);
    process.memoryUsage.rss = () => { throw new Error('ENOENT: uv_resident_set_memory'); };
    const runner = createSandboxRunner({ mode: 'inprocess' });
    const all = [];
    for (let i = 0; i < 2; i++) {
      const { ok, data, logs, metrics } = await runner.run({ file: './handler.mjs', export: 'handle' }, null, { requestId: 'r', workdir: process.argv[1] });
      all.push([ok, data, logs, 'memMb' in metrics]);
    }
    if (process.argv[2] === 'broken') {
      process.cpuUsage = () => { throw new Error('mine'); };
      const { error } = await runner.run({ file: './handler.mjs', export: 'handle' }, null, { requestId: 'r', workdir: process.argv[1] });
      all.push([error.code, error.message]);
    }
    log(JSON.stringify(all));`;
  const play = (/** @type {string} */ how) => {
    const args = ['--input-type=module', '-e', source, workdir, how];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  };
  const fine = [true, 1, ['a', 'b'], false];
  t.same(play('frozen'), [fine, fine]);
  t.same(play('broken'), [fine, fine, ['PROCESS_CRASHED', 'The run failed in the host: mine']]);
});

t.test('edited files', async (t) => {
  const workdir = project(t, {
    'esm.mjs': 'export const handle = () => 1;',
    'cjs.cjs': "exports.handle = () => require('./part.cjs');",
    'part.cjs': 'module.exports = 1;',
    'missing.cjs': "require('./later.cjs'); exports.handle = () => 1;",
    'broken.mjs': 'export const handle = (;',
    'same.mjs': 'let calls = 0; export const handle = () => ++calls;',
    'node_modules/dep/index.js': 'let calls = 0; module.exports = () => ++calls;',
    'uses.cjs': "const dep = require('dep'); exports.handle = () => dep();",
  });
  const runner = sandbox(t, config);
  const go = async (/** @type {string} */ file) => {
    const handler = { file: `./${file}`, export: 'handle' };
    const result = await runner.run(handler, null, { requestId: 'r', workdir });
    return result.ok ? result.data : result.error.code;
  };
  const write = (/** @type {string} */ name, /** @type {string} */ what) =>
    fs.writeFileSync(path.join(workdir, name), what);
  const files = ['esm.mjs', 'cjs.cjs', 'missing.cjs', 'broken.mjs', 'same.mjs', 'uses.cjs'];
  const all = async () => {
    const data = [];
    for (const file of files) data.push(await go(file));
    return data;
  };
  t.same(await all(), [1, 1, 'HANDLER_ERROR', 'HANDLER_ERROR', 1, 1]);
  write('esm.mjs', 'export const handle = () => 22;');
  write('part.cjs', 'module.exports = 22;');
  write('cjs.cjs', "exports.handle = () => require('./part.cjs') + 0;");
  write('later.cjs', '');
  write('broken.mjs', 'export const handle = () => 22;');
  write('uses.cjs', "const dep = require('dep'); exports.handle = () => dep() + 0;");
  t.same(await all(), [22, 22, 1, 22, 2, 2], 'and what was not edited is as it was');
});
