// The examples do what their pages say.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

/** @param {string} name @returns {Promise<{ code: number | null, out: string, err: string }>} */
function example(name) {
  const file = fileURLToPath(new URL(`../examples/${name}`, import.meta.url));
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (err += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

t.test('real handlers: results, metrics, logs', async (t) => {
  const { code, out } = await example('run.js');
  t.equal(code, 0, out);
  for (const name of ['compile-typescript.cjs', 'render-readme.js']) t.match(out, `=== ./${name}`);
  t.match(out, /TypeScript 5\.\d+\.\d+, 0 diagnostics/);
  t.match(out, /\d+ bytes of HTML, headings: @kb-labs\/sandbox/);
  t.equal(out.match(/^metrics \d+\.\d ms, \d+\.\d ms CPU, \d+\.\d MiB$/gm)?.length, 2);
  t.match(out, /^log {5}\S/m);
});

t.test('a plugin with services of its host, in both modes', async (t) => {
  const { code, out } = await example('kb-plugin/run.js');
  t.equal(code, 0, out);
  const [, inProcess, subprocess] = out.split(/^=== .*\n/m);
  t.equal(inProcess, subprocess, 'it cannot tell which');
  t.match(inProcess, /result {3}\{"fresh":2,"words":\[\["words:a",2\],\["words:b",3\]\]\}/);
  t.match(inProcess, /result {3}\{"fresh":0/);
  t.match(inProcess, /event {4}\{"id":"a","tenant":"acme"\}/);
  t.match(inProcess, /progress 1 b/);
  t.match(inProcess, /log {6}indexed \{"fresh":2,"of":2\}/);
  t.match(inProcess, /files {4}acme\/index\/a\.json acme\/index\/b\.json/);
});

t.test('one hostile handler per limit and guard', async (t) => {
  const { code, out } = await example('hostile/run.js');
  t.equal(code, 0, out);
  const lines = Object.fromEntries(out.split('\n').map((line) => [line.split(' ')[0], line]));
  const ends = {
    neverReturn: / TIMEOUT: /,
    eatMemory: / MEMORY_LIMIT: /,
    burnCpu: / (CPU_LIMIT|TIMEOUT): /, // Which one depends on how busy the machine is.
    floodLogs: / ok: .*log lines dropped/,
    returnTooMuch: / RESULT_TOO_LARGE: /,
    leave: / HANDLER_EXIT: /,
    leaveDaemon: / ok: "and yet it is gone"/,
    readEnvironment: / ok: (?!.*a secret)/,
    readUsers: / PERMISSION_DENIED: .*permissions\.filesystem\.allow/,
    // An EACCES of open(2) on a file that may be read does not say whether it was to be written.
    changeItself: / (?:PERMISSION_DENIED|HANDLER_ERROR): E(?:ROFS|ACCES): /,
    phoneHome: / PERMISSION_DENIED: .*permissions\.network\.allow/,
    openDoor: / PERMISSION_DENIED: .*net:listen/,
    startProcess: / PERMISSION_DENIED: .*process:spawn/,
  };
  for (const [name, how] of Object.entries(ends)) t.match(lines[name], how);
});
