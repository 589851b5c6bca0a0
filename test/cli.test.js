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

t.test('nothing of a guest steers the terminal', async (t) => {
  // Title, clipboard, C1's own CSI, right-to-left override, DEL.
  const evil = String.raw`'\x1b]0;t\x07\x1b]52;c;aGk=\x07\x9b2J\u202e\u2066\x7f\u2028'`;
  const dir = project(t, {
    'throws.mjs': `const evil = ${evil};
export const handle = () => { throw Object.assign(new AggregateError([new Error(evil)], evil, { cause: new Error(evil) }), { name: evil, code: evil }); };
export const logs = (input, ctx) => { console.log(evil); console.error(evil); ctx.log.warn(evil, { evil }); ctx.progress(0.5, evil); return { [evil]: evil, text: 'tab\\tline\\nend' }; };
export const dies = () => { console.error(evil); process.kill(process.pid, 'SIGKILL'); return new Promise(() => {}); };`,
  });
  // eslint-disable-next-line no-control-regex -- what is looked for
  const steers = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
  for (const name of ['handle', 'logs', 'dies']) {
    for (const more of [[], ['--json'], ['--in-process']]) {
      if (name === 'dies' && more[0] === '--in-process') continue;
      const { out, err } = await kb(['run', 'throws.mjs', '--export', name, ...more], { cwd: dir });
      const title = `${name} ${more}`;
      t.notMatch(out, steers, `${title}: standard output`);
      t.notMatch(err, steers, `${title}: standard error`);
      t.ok(out.includes('\\u001b]52;c;') || err.includes('\\u001b]52;c;'), `${title}: it is shown`);
      if (name === 'logs' && more[0] !== '--json') {
        const data = JSON.parse(out);
        t.equal(Object.keys(data)[0].slice(0, 4), '\u001b]0;', `${title}: the JSON is as it was`);
        t.equal(data.text, 'tab\tline\nend');
      }
      if (name === 'handle' && more[0] !== '--json')
        t.match(err, /\[cause\] [^]*\[error\] /, `${title}: what is within the error`);
    }
  }
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
