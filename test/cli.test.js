import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { handler, processesWith, project, until } from './run/helper.js';

const cli = fileURLToPath(new URL('../lib/cli.js', import.meta.url));

/** @param {string[]} args @param {{ cwd?: string, stdin?: string, onStart?: (child: any) => void }} [options] */
async function kb(args, { cwd = '.', stdin, onStart } = {}) {
  const child = spawn(process.execPath, [cli, ...args], { cwd, stdio: 'pipe' });
  child.stdin.end(stdin ?? '');
  let out = '';
  let err = '';
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (err += text));
  onStart?.(child);
  const status = await new Promise((resolve) => child.once('close', resolve));
  return { status, out, err };
}

t.test('run', async (t) => {
  const dir = project(t, {
    'handler.mjs': handler(
      `console.log('a log'); return { input, a: process.env.SBX_CLI, cwd: process.cwd() };`,
    ),
    'input.json': '{"from":"file"}',
  });
  process.env.SBX_CLI = 'seen';
  t.teardown(() => delete process.env.SBX_CLI);
  const plain = await kb(['run', 'handler.mjs', '--input', '[1]'], { cwd: dir });
  t.match(plain, { status: 0, err: 'a log\n' });
  t.match(JSON.parse(plain.out), { input: [1], cwd: fs.realpathSync(dir) });
  t.equal(JSON.parse(plain.out).a, undefined);
  const file = await kb(['run', 'handler.mjs', '--input', '@input.json', '--env', 'SBX_CLI'], {
    cwd: dir,
  });
  t.match(JSON.parse(file.out), { input: { from: 'file' }, a: 'seen' });
  const piped = await kb(['run', 'handler.mjs', '--input', '-', '--json', '--trace'], {
    cwd: dir,
    stdin: '"piped"',
  });
  t.match(JSON.parse(piped.out), {
    ok: true,
    data: { input: 'piped' },
    logs: ['a log'],
    traces: [{ name: 'run' }],
  });
  const inside = await kb(['run', 'handler.mjs', '--in-process'], { cwd: dir });
  t.match(inside, { status: 0, err: 'a log\n' });
});

t.test('the exit status tells', async (t) => {
  const dir = project(t, {
    'throws.mjs': handler(`throw new Error('no');`),
    'exits.mjs': handler('process.exit(9);'),
    'loops.mjs': handler('for (;;);'),
    'crashes.mjs': handler(`process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});`),
    'bomb.mjs': handler('const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1));'),
    'bigint.mjs': handler('return 1n;'),
  });
  /** @type {[string[], number, RegExp][]} */
  const cases = [
    [['throws.mjs'], 1, /HANDLER_ERROR: no/],
    [['absent.mjs'], 3, /HANDLER_NOT_FOUND/],
    [['throws.mjs', '--export', 'nope'], 3, /HANDLER_NOT_FOUND/],
    [['exits.mjs'], 4, /HANDLER_EXIT/],
    [['bigint.mjs'], 5, /RESULT_NOT_SERIALIZABLE/],
    [['crashes.mjs'], 8, /PROCESS_CRASHED/],
    [['loops.mjs', '--timeout', '0.5s', '--grace', '10'], 124, /TIMEOUT/],
    [['loops.mjs', '--cpu', '300ms'], 124, /CPU_LIMIT/],
    [['bomb.mjs', '--memory', '64'], 137, /MEMORY_LIMIT/],
    [['throws.mjs', '--timeout', 'soon'], 2, /timeout/],
    [['throws.mjs', '--memory', '1'], 2, /memoryMb/],
    [['throws.mjs', '--input', '{'], 2, /input/],
    [['throws.mjs', '--workdir', 'absent'], 2, /workdir/],
    [['throws.mjs', '--unknown'], 2, /unknown option/],
  ];
  for (const [args, status, err] of cases) {
    const result = await kb(['run', ...args], { cwd: dir });
    t.equal(result.status, status, args.join(' '));
    t.match(result.err, err, args.join(' '));
    t.equal(result.out, '', args.join(' '));
  }
});

t.test('ctrl-C ends the run', async (t) => {
  const dir = project(t, {
    'slow.mjs': handler(
      `(await import('node:fs')).writeFileSync(ctx.outdir + '/there', ''); for (;;);`,
    ),
    'out/.keep': '',
  });
  const there = path.join(dir, 'out', 'there');
  const { status } = await kb(['run', 'slow.mjs', '--grace', '10', '--outdir', 'out'], {
    cwd: dir,
    onStart: (child) =>
      void until(() => fs.existsSync(there), 'a guest').then(() => child.kill('SIGINT')),
  });
  t.equal(status, 130);
  t.same(processesWith(dir), []);
});

t.test('a reader that goes away is no crash', async (t) => {
  const dir = project(t, handler(`return 'x'.repeat(1 << 20);`));
  const result = await kb(['run', 'handler.mjs'], {
    cwd: dir,
    onStart: (child) => child.stdout.destroy(),
  });
  t.equal(result.status, 0);
  t.equal(result.err, '');
});

t.test('doctor, help, version', async (t) => {
  const doctor = await kb(['doctor']);
  t.equal(doctor.status, 0);
  t.match(doctor.out, /process\s+active/);
  t.match(doctor.out, /network\s+active/);
  t.match(doctor.out, /strict.*holds/);
  t.match(doctor.out, /startup 'spawn': works\n.*startup 'fork': works\n/);
  const { layers } = JSON.parse((await kb(['doctor', '--json'])).out);
  t.ok(layers.length > 5);
  t.match(doctor.out, /guests start by '(fork|spawn)': a fork of this Node\.js was tried/);
  t.match(await kb(['--help']), { status: 0, out: /run[\s\S]*doctor[\s\S]*build/ });
  t.match(await kb(['--version']), { status: 0, out: /^\d+\.\d+\.\d+\n$/ });
  t.match(await kb(['run', '--help']), { status: 0, out: /Exit status/ });
  t.equal((await kb([])).status, 2);
});
