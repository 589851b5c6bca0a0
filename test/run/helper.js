// What the end-to-end tests share: handlers written on the spot, runners that are disposed of, and
// a look at /proc for what is left.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import tap from 'tap';
import { createSandboxRunner } from '../../lib/index.js';

/** @typedef {import('../../lib/index.js').SandboxConfig} SandboxConfig */

/** How guests come to be where a test does not say: what ../../scripts/test.js plays twice, it plays with both. */
export const startup = /** @type {SandboxConfig['startup']} */ (
  process.env.SBX_TEST_STARTUP ?? 'spawn'
);
delete process.env.SBX_TEST_STARTUP; // Tests let guests see what begins with SBX_TEST_.

/**
 * A runner that ends with the test.
 *
 * @param {any} t
 * @param {SandboxConfig} [config]
 */
export function sandbox(t, config = {}) {
  const runner = createSandboxRunner({
    startup,
    ...config,
    // The default is little for what writes a gigabyte on a busy machine.
    execution: { graceMs: 100, timeoutMs: 100_000, ...config.execution },
  });
  t.teardown(() => runner.dispose());
  return runner;
}

/** @type {import('../../lib/index.js').SandboxRunner | undefined} */
let common;

/** The runner of all runs in a file for which no other will do: a launcher and a zygote take their time to start. */
function commonRunner() {
  common ??= sandbox(tap);
  return common;
}

/**
 * A directory with the files given, `handler.mjs` among them when `files` is its text.
 *
 * @param {any} t
 * @param {string | Record<string, string>} files
 */
export function project(t, files) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sandbox-test-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  const all = typeof files === 'string' ? { 'handler.mjs': files } : files;
  for (const [name, text] of Object.entries(all)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
  }
  return dir;
}

/**
 * Runs the `handle` of a handler whose text is given.
 *
 * @param {any} t
 * @param {string | Record<string, string>} files
 * @param {{ config?: SandboxConfig, input?: unknown, ctx?: object, file?: string,
 *   export?: string, runner?: any }} [options]
 * @returns {Promise<any>}
 */
export function run(t, files, options = {}) {
  const runner = options.runner ?? (options.config ? sandbox(t, options.config) : commonRunner());
  return runner.run(
    { file: options.file ?? './handler.mjs', export: options.export ?? 'handle' },
    options.input,
    { requestId: 'test', workdir: project(t, files), ...options.ctx },
  );
}

/** The text of a module with one handler. @param {string} body of `handle(input, ctx)` */
export function handler(body) {
  return `export async function handle(input, ctx) {\n${body}\n}\n`;
}

/** What a handler needs that starts programs of the system. */
export const spawning = {
  env: { allow: ['PATH'] },
  capabilities: ['process:spawn'],
  filesystem: { allow: ['/bin', '/usr', '/lib', '/lib64', '/etc/alternatives'], readOnly: true },
};

/** Whether a process is there and no zombie. @param {number | string} pid */
export function isAlive(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

/**
 * Whether a process is a launcher. By its name, which everybody may read: it is not dumpable, so that
 * its links in /proc are root's.
 *
 * @param {number | string} pid
 */
export function isLauncher(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, 'utf8') === 'launcher\n';
  } catch {
    return false;
  }
}

/**
 * The processes whose command line, environment or working directory holds `mark`, this one aside.
 *
 * @param {string} mark
 */
export function processesWith(mark) {
  return fs.readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || pid === String(process.pid) || !isAlive(pid)) return false;
    return ['cmdline', 'environ', 'cwd'].some((name) => {
      try {
        const file = `/proc/${pid}/${name}`;
        return (name === 'cwd' ? fs.readlinkSync(file) : fs.readFileSync(file, 'latin1')).includes(
          mark,
        );
      } catch {
        return false;
      }
    });
  });
}

/**
 * Waits until `condition` holds; fails the test when it never does.
 *
 * @param {() => unknown} condition
 * @param {string} what
 */
export async function until(condition, what, timeoutMs = 60_000) {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`It never came to be: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** This process's resident memory in MiB. */
export function residentMb() {
  return process.memoryUsage.rss() / 2 ** 20;
}
