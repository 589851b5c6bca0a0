#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// kb-sandbox: run a handler, look at the machine, compile the native part.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { prepareBuild } from './build.js';
import { RESERVED_CAPABILITIES } from './confinement.js';
import { createSandboxRunner } from './index.js';
import { clean } from './logs.js';
import { ProgressBar } from './progress-bar.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));

/** Exit statuses; what is not named is 1. 124, 130 and 137 are those of timeout(1) and shells. */
const STATUS = /** @type {Record<string, number>} */ ({
  VALIDATION_ERROR: 2,
  HANDLER_NOT_FOUND: 3,
  HANDLER_EXIT: 4,
  RESULT_TOO_LARGE: 5,
  RESULT_NOT_SERIALIZABLE: 5,
  PERMISSION_DENIED: 6,
  ISOLATION_UNAVAILABLE: 7,
  UNSUPPORTED_PLATFORM: 7,
  PROCESS_CRASHED: 8,
  HOST_LIMIT: 8,
  OUTPUT_LIMIT: 9,
  TIMEOUT: 124,
  CPU_LIMIT: 124,
  THREAD_LIMIT: 124,
  ABORTED: 130,
  MEMORY_LIMIT: 137,
});

const STATUS_HELP = `
Exit status: 0 result, 1 the handler failed, 2 usage, 3 no such handler, 4 it exited, 5 its result
cannot be sent, 6 permission denied, 7 this machine cannot, 8 it crashed, 9 it left too much in
--outdir, 124 time, CPU or thread limit, 130 interrupted, 137 memory limit.`;

/** @typedef {{ startup: 'spawn' | 'fork', ok: boolean, why?: string }} Tried */

/** @param {import('./index.js').IsolationLayer} layer */
const isMissing = ({ status }) => status === 'unavailable';

/** @param {string} text */
function milliseconds(text) {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  if (!match) throw new InvalidArgumentError("Give a number of milliseconds, or '1.5s', '2m'.");
  return Math.round(Number(match[1]) * ({ s: 1000, m: 60_000 }[match[2]] ?? 1));
}

/** @param {string} text */
function number(text) {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('Give a number.');
  return Number(text);
}

/** @param {string} value @param {string[]} all */
const collect = (value, all) => [...all, value];

/**
 * @param {string | undefined} text JSON, @file or - for standard input
 * @returns {unknown}
 */
function readInput(text) {
  if (text === undefined) return undefined;
  const source = text === '-' ? 0 : text.startsWith('@') ? text.slice(1) : undefined;
  try {
    return JSON.parse(source === undefined ? text : fs.readFileSync(source, 'utf8'));
  } catch (error) {
    return program.error(`error: --input: ${/** @type {Error} */ (error).message}`, {
      exitCode: 2,
    });
  }
}

/** Ends with a status once everything is written; a reader that has gone away is no error. @param {number} status */
function finish(status) {
  process.exitCode = status;
}
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });

/**
 * What a guest said, harmless to a terminal: of what steers one, newlines and tabs are left.
 *
 * @param {string} text
 */
const printable = (text) => text.replace(/[^\n\t]+/g, clean);

/** @param {string} text */
const say = (text) => process.stderr.write(`${printable(text)}\n`);

/** The same JSON, as it may be shown. @param {unknown} value */
function printJson(value) {
  process.stdout.write(`${printable(String(JSON.stringify(value, null, 2)))}\n`);
}

/** @param {import('./index.js').SandboxError} error */
function sayError({ code, message, stack, details }) {
  say(`${code}: ${message}`);
  if (stack) say(stack);
  const { causes, errors, lastLines } = /** @type {any} */ (details ?? {});
  const list = (/** @type {unknown} */ value) => (Array.isArray(value) ? value : []);
  for (const cause of list(causes)) say(`  [cause] ${textOf(cause)}`);
  for (const inner of list(errors)) say(`  [error] ${textOf(inner)}`);
  for (const line of list(lastLines)) say(`  > ${line}`);
}

/** @param {any} error within another: a guest's word */
function textOf(error) {
  const { name, message, stack } = error ?? {};
  if (typeof stack === 'string' && stack !== '') return stack.replaceAll('\n', '\n  ');
  return typeof message === 'string' ? `${name}: ${message}` : JSON.stringify(error);
}

/** @param {string} file @param {any} options */
async function runHandler(file, options) {
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort(new Error('interrupted'));
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  if (options.inspect && options.profile)
    program.error('error: --inspect and --profile do not go together', { exitCode: 2 });
  const debugLevel = options.inspect ? 'inspect' : options.profile ? 'profile' : undefined;
  const input = readInput(options.input);
  const runner = createRunner(options);
  const bar = process.stderr.isTTY && !options.json ? new ProgressBar(process.stderr) : undefined;
  const result = await runner.run({ file: path.resolve(file), export: options.export }, input, {
    requestId: `cli-${process.pid}`,
    workdir: path.resolve(options.workdir),
    ...(options.outdir && { outdir: path.resolve(options.outdir) }),
    signal: interrupt.signal,
    ...(debugLevel && { debugLevel }),
    onInspector: (url) => process.stderr.write(`Debugger listening on ${url}\n`),
    onLog: (line) => (bar ? bar.print(printable(line)) : say(line)),
    ...(bar && { onProgress: (fraction, message) => bar.update(fraction, message) }),
  });
  bar?.end();
  await runner.dispose();
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  if (options.json) {
    printJson(result);
  } else if (result.ok) {
    if (result.data !== undefined) printJson(result.data);
  } else {
    sayError(result.error);
  }
  for (const written of result.debugFiles ?? []) say(`Wrote ${written}`);
  finish(result.ok ? 0 : (STATUS[result.error.code] ?? 1));
}

/** @param {any} options */
function createRunner(options) {
  try {
    return createSandboxRunner({
      mode: options.inProcess ? 'inprocess' : 'subprocess',
      execution: {
        timeoutMs: options.timeout,
        graceMs: options.grace,
        memoryMb: options.memory,
        cpuMs: options.cpu,
      },
      debug: options.inspect,
      // Not 'strict', which is the default: it would refuse KB_PLUGIN_DEV_MODE.
      ...(options.bestEffort && { isolation: 'best-effort' }),
      permissions: {
        env: { allow: options.env },
        filesystem: { allow: options.allowFs, deny: options.denyFs, readOnly: options.readOnly },
        network: { allow: options.network ? ['*'] : [] },
        capabilities: options.capability,
      },
      monitoring: { collectTraces: options.trace, collectLogs: options.json },
    });
  } catch (error) {
    return program.error(`error: ${/** @type {Error} */ (error).message}`, { exitCode: 2 });
  }
}

/**
 * The report, and a run of each kind that was tried for it, as a caller would: what the parts say holds
 * for the whole only when it works.
 *
 * @returns {Promise<{ report: import('./index.js').IsolationReport, runs: Tried[] }>}
 */
async function diagnose() {
  const workdir = path.join(root, 'lib', 'guest');
  const handler = { file: './warm-handler.cjs', export: 'handle' };
  const before = createSandboxRunner().isolation();
  if (before.broken.length > 0) return { report: before, runs: [] };
  /** @type {Tried[]} */
  const runs = [];
  /** @type {import('./index.js').IsolationReport[]} */
  const shown = [];
  for (const startup of /** @type {const} */ (['spawn', 'fork'])) {
    const runner = createSandboxRunner({ startup });
    const { ok, error, metrics } = await runner.run(handler, 1, { requestId: 'doctor', workdir });
    // Where only forks fail, guests are spawned, which is no weaker.
    if (ok || startup === 'spawn') shown.push(runner.isolation());
    await runner.dispose();
    // Where nothing forks, the second run would tell what the first has told.
    if (!ok || metrics.startup === startup)
      runs.push({ startup, ok, ...(!ok && { why: `${error.code}: ${error.message}` }) });
  }
  const parts = createSandboxRunner().isolation();
  const known = {
    ...parts,
    layers: parts.layers.map(
      (layer, i) => shown.map(({ layers }) => layers[i]).find(isMissing) ?? layer,
    ),
    broken: [...new Set([...parts.broken, ...shown.flatMap(({ broken }) => broken)])],
  };
  const fork = runs.find(({ startup }) => startup === 'fork');
  if (fork?.ok !== false || known.mode !== 'subprocess') return { report: known, runs };
  const startupReason = `a fork of this Node.js was tried, and failed: ${fork.why}`;
  return { report: { ...known, startup: 'spawn', startupReason }, runs };
}

/** @param {{ json: boolean }} options */
async function doctor({ json }) {
  const { report, runs } = await diagnose();
  const { layers, broken, startup, startupReason } = report;
  const failed = runs.filter(({ ok, startup: how }) => !ok && how === 'spawn');
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...report, runs }, null, 2)}\n`);
  } else {
    const width = Math.max(...layers.map(({ name }) => name.length));
    const { versions, platform, arch } = process;
    process.stdout.write(
      `Node.js ${versions.node}, ${platform}-${arch}, Linux ${os.release()}\n\n`,
    );
    for (const { name, status, detail, mend } of layers) {
      process.stdout.write(`${name.padEnd(width)}  ${status.padEnd(11)}  ${detail}\n`);
      if (mend) process.stdout.write(`${' '.repeat(width + 15)}mend: ${mend}\n`);
    }
    process.stdout.write(`\nguests start by '${startup}': ${startupReason}\n`);
    for (const { startup: how, ok, why } of runs)
      process.stdout.write(`a run with startup '${how}': ${ok ? 'works' : `FAILED: ${why}`}\n`);
    const verdict = broken.length
      ? `isolation 'strict' refuses to run here: ${broken.join('; ')}`
      : failed.length
        ? 'no: a run was tried and failed, see above.'
        : "isolation 'strict', the default, holds on this machine.";
    process.stdout.write(`\n${verdict}\n`);
  }
  finish(broken.length || failed.length ? 1 : 0);
}

function build() {
  const args = ['--yes', 'node-gyp@12', ...prepareBuild(root)];
  const { status, error } = spawnSync('npx', args, { cwd: root, stdio: 'inherit' });
  if (error) process.stderr.write(`npx: ${error.message}\n`);
  finish(status ?? 1);
}

const reserved = `${Object.keys(RESERVED_CAPABILITIES).join(', ')} open something`;

const program = new Command('kb-sandbox')
  .description('Runs a handler that you do not trust in a process of its own.')
  .version(version)
  .exitOverride((error) => process.exit(error.exitCode === 1 ? 2 : error.exitCode));

program
  .command('run')
  .description('Run a handler: its logs go to stderr, its result to stdout')
  .argument('<file>', 'the file with the handler')
  .option('--export <name>', 'the exported function', 'handle')
  .option('--input <json>', 'its input: JSON, @file, or - for standard input')
  .option('--timeout <time>', 'wall clock limit: milliseconds, or 1.5s', milliseconds)
  .option('--grace <time>', 'from SIGTERM to SIGKILL', milliseconds)
  .option('--cpu <time>', 'CPU time limit', milliseconds)
  .option('--memory <MiB>', 'memory limit', number)
  .option('--env <name>', 'let an environment variable through (again for more)', collect, [])
  .option(
    '--allow-fs <path>',
    "let a path be read and written; '*': all (again for more)",
    collect,
    [],
  )
  .option('--deny-fs <path>', 'let a path be seen by no means (again for more)', collect, [])
  .option('--read-only', 'what --allow-fs lets through may be read only', false)
  .option('--network', "let it use the host's network", false)
  .option('--capability <name>', `a capability (again for more); ${reserved}`, collect, [])
  .option('--best-effort', 'run with what this machine can hold, strict or not', false)
  .option('--workdir <directory>', 'where it runs', '.')
  .option('--outdir <directory>', 'where it may write')
  .addOption(new Option('--in-process', 'run it in this process, with no isolation'))
  .option('--inspect', 'wait for a debugger, whose URL is printed', false)
  .option('--profile', 'write a CPU profile, and what helps with memory, to --outdir', false)
  .option('--trace', 'collect traces, shown with --json', false)
  .option('--json', 'print the whole result: data or error, metrics, logs, traces', false)
  .addHelpText('after', STATUS_HELP)
  .action(runHandler);

program
  .command('doctor')
  .description('Say what confines a guest on this machine')
  .option('--json', 'as JSON', false)
  .action(doctor);

program
  .command('build')
  .description('Compile the native part of this package (needs gcc, make and python3)')
  .action(build);

await program.parseAsync();
