// What the abuse tests share, beside what the end-to-end tests do: the same handler with nothing to
// stop it, for the controls.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { project, startup } from '../run/helper.js';

export const lib = new URL('../../lib/index.js', import.meta.url).href;

/** A host that trusts: it calls the handler and sends what comes back over Node's own IPC. */
const trusting = `
  const [, file, ctx] = process.argv;
  const { handle } = await import(file);
  const data = await handle(undefined, JSON.parse(ctx));
  process.send({ data }, () => process.disconnect());`;

/**
 * Runs the `handle` of a handler as child_process.fork() would: in a process, with no limits.
 *
 * @param {any} t
 * @param {string} text of the module
 * @param {{ timeoutMs?: number, ctx?: object, env?: NodeJS.ProcessEnv,
 *   onStart?: (child: import('node:child_process').ChildProcess) => void }} [options]
 * @returns {Promise<{ code: number | null, signal: string | null, messages: any[], out: string,
 *   err: string, late: boolean }>} `late`: it was still there after `timeoutMs`, and was killed
 */
export async function unconfined(t, text, options = {}) {
  const { timeoutMs = 20_000, env = process.env } = options;
  const dir = project(t, text);
  const ctx = { workdir: dir, outdir: dir, ...options.ctx };
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', trusting, path.join(dir, 'handler.mjs'), JSON.stringify(ctx)],
    { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
  );
  /** @type {any[]} */
  const messages = [];
  let out = '';
  let err = '';
  let late = false;
  child.on('message', (message) => messages.push(message));
  child.stdout?.on('data', (text_) => (out += text_));
  child.stderr?.on('data', (text_) => (err += text_));
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  options.onStart?.(child);
  const [code, signal] = await new Promise((resolve) =>
    child.once('close', (...how) => resolve(how)),
  );
  clearTimeout(timer);
  return { code, signal, messages, out, err, late };
}

/**
 * A host process of its own, for what would end this one. `script` sees `createSandboxRunner` and
 * `dir`, where `handler.mjs` is.
 *
 * @param {any} t
 * @param {string} text of the module
 * @param {string} script
 * @param {string[]} [prefix] a command that starts it
 * @returns {Promise<{ code: number | null, signal: string | null, out: string, err: string }>}
 */
export async function host(t, text, script, prefix = []) {
  const dir = project(t, text);
  const program = `
    import * as lib from ${JSON.stringify(lib)};
    const createSandboxRunner = (config) =>
      lib.createSandboxRunner({ startup: '${startup}', ...config });
    const dir = ${JSON.stringify(dir)};
    const ref = { file: 'handler.mjs', export: 'handle' };
    const ctx = { requestId: 'r', workdir: dir, outdir: dir };
    ${script}`;
  const command = [...prefix, process.execPath, '--input-type=module', '-e', program];
  const child = spawn(command[0], command.slice(1), {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (text_) => (out += text_));
  child.stderr.on('data', (text_) => (err += text_));
  const [code, signal] = await new Promise((resolve) =>
    child.once('close', (...how) => resolve(how)),
  );
  return { code, signal, out, err };
}

/**
 * The guests below a process: those who run the bootstrap.
 *
 * @param {number} pid
 * @returns {number[]}
 */
export function guestsOf(pid) {
  try {
    const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return children
      .split(' ')
      .filter(Boolean)
      .map(Number)
      .flatMap((child) => {
        const command = fs.readFileSync(`/proc/${child}/cmdline`, 'latin1');
        return [...(/\b(start|bootstrap)\.cjs/.test(command) ? [child] : []), ...guestsOf(child)];
      });
  } catch {
    return []; // It ended between the two looks.
  }
}
