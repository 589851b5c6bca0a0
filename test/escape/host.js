// host.js ROLE [NAME...]: runs cases, as guests or as controls, and prints a line of JSON for each:
// { name, verdict, why, attempts }. The host of the suite: it is started under other versions of
// Node.js, and under ./native/without.c, by escape.test.js.
//
//   SBX_ESCAPE_PACKAGE   the directory of the sandbox package that is tested; default: this one
import child_process from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createHost, createWorld, findProcess } from './world.js';
import { judge } from './judge.js';

const here = path.dirname(fileURLToPath(import.meta.url));
const CONCURRENCY = 4;

/** @typedef {{ evidence?: { attempts: any[] }, code?: string, why?: string }} Outcome */

/** Runners by what they are configured with. @type {Map<string, Promise<any>>} */
const runners = new Map();

/** @param {any} escape @param {import('./world.js').World} world */
function runnerFor(escape, world) {
  const given = typeof escape.config === 'function' ? escape.config(world) : (escape.config ?? {});
  const config = {
    ...given,
    execution: { timeoutMs: 15_000, graceMs: 100, ...given.execution },
  };
  const key = JSON.stringify([config, world.input.hostEnv]);
  let runner = runners.get(key);
  if (!runner) runners.set(key, (runner = openRunner(config, world.input.hostEnv ?? {})));
  return runner;
}

/** @param {any} config @param {Record<string, string>} env of the host, for that long */
async function openRunner(config, env) {
  const root = process.env.SBX_ESCAPE_PACKAGE ?? path.join(here, '..', '..');
  const { createSandboxRunner } = await import(pathToFileURL(`${root}/lib/index.js`).href);
  const before = { ...process.env };
  Object.assign(process.env, env);
  try {
    const startup = process.env.SBX_ESCAPE_STARTUP ?? 'spawn';
    if (startup !== 'preload') return createSandboxRunner({ startup, ...config });
    const execution = { ...config.execution, preload: ['./handler.js'] };
    return createSandboxRunner({ startup: 'fork', ...config, execution });
  } finally {
    for (const name of Object.keys(env)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

/**
 * @param {any} escape @param {import('./world.js').World} world
 * @param {string} part @param {AbortSignal} [signal]
 * @returns {Promise<Outcome>}
 */
async function asGuest(escape, world, part, signal) {
  const runner = await runnerFor(escape, world);
  const result = await runner.run(
    { file: './handler.js', export: 'handle' },
    { ...world.input, ...partInput(world, part) },
    {
      requestId: `escape-${part}`,
      workdir: world.at('package'),
      outdir: partInput(world, part).out,
      ...(signal && { signal }),
      ...escape.ctx?.(world),
    },
  );
  if (result.ok) return { evidence: result.data };
  const { code, details, message } = result.error;
  return { code: details?.signal ?? code, why: `${code}: ${message}` };
}

/**
 * @param {any} escape @param {import('./world.js').World} world
 * @param {string} part @param {AbortSignal} [signal]
 * @returns {Promise<Outcome>}
 */
async function asControl(escape, world, part, signal) {
  const input = { ...world.input, ...partInput(world, part) };
  const node = [process.execPath, 'control.js', JSON.stringify(input)];
  const [command, ...args] =
    escape.control === 'userns' ? [world.native('probe'), 'userns', ...node] : node;
  const child = child_process.spawn(command, args, {
    cwd: world.at('package'),
    env: world.input.hostEnv ?? {},
    ...(escape.control === 'nobody' && { uid: 65534, gid: 65534 }),
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', ...(world.input.leaks ?? [])],
  });
  signal?.addEventListener('abort', () => child.kill('SIGKILL'));
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  const texts = ['', '', '', ''];
  for (const fd of [1, 2, 3])
    child.stdio[fd]?.on('data', (/** @type {Buffer} */ data) => (texts[fd] += data));
  const closed = once(child, 'close');
  const [code, killed] = await once(child, 'exit');
  // What the case leaves running may hold the pipes open.
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 500).unref())]);
  clearTimeout(timer);
  for (const fd of [1, 2, 3]) child.stdio[fd]?.destroy();
  if (texts[3]) return { evidence: JSON.parse(texts[3]) };
  return { code: killed ?? `exit ${code}`, why: `${texts[1]}${texts[2]}`.slice(0, 2000) };
}

/** Another run is given another outdir. @param {any} world @param {string} part */
function partInput(world, part) {
  return { part, out: world.at(part === 'act' ? 'out' : 'out2') };
}

/**
 * @param {import('./world.js').Host} host
 * @param {string} name
 */
async function runCase(host, name) {
  const { default: escape } = await import(`./cases/${name}.js`);
  const root = process.getuid?.() === 0;
  if (host.role === 'control' && ['root', 'nobody'].includes(escape.control) && !root)
    return { verdict: 'needs root', why: '', attempts: [] };
  const world = await createWorld(host, name, escape);
  const run = host.role === 'guest' ? asGuest : asControl;
  const over = new AbortController();
  try {
    /** @type {Beside | undefined} */
    let beside;
    if (escape.before) {
      const { evidence, why } = await run(escape, world, 'before');
      if (!evidence) return { verdict: 'broken', why: `the run before: ${why}`, attempts: [] };
    }
    if (escape.beside) {
      beside = watch(run(escape, world, 'beside', over.signal));
      await ready(world, beside);
    }
    const outcome = await run(escape, world, 'act');
    // To kill it may be what the case is about.
    if (beside?.ended && (await beside.outcome).code !== 'SIGKILL') throw await endedEarly(beside);
    over.abort();
    await beside?.outcome;
    return await judge(escape, world, outcome);
  } finally {
    over.abort();
    await world.close();
  }
}

/** @typedef {{ outcome: Promise<Outcome>, ended: boolean }} Beside */

/** @param {Promise<Outcome>} outcome @returns {Beside} */
function watch(outcome) {
  const beside = { outcome, ended: false };
  const end = () => (beside.ended = true);
  outcome.then(end, end);
  return beside;
}

/** @param {Beside} beside */
async function endedEarly(beside) {
  return new Error(`the run beside has ended: ${JSON.stringify(await beside.outcome)}`);
}

/**
 * Until the run beside says that it has begun, or has ended too early.
 *
 * @param {any} world
 * @param {Beside} beside
 */
async function ready(world, beside) {
  const file = world.at('out2', 'ready');
  // It is there before its text is.
  const text = () => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');
  while (!beside.ended && !text()) await new Promise((resolve) => setTimeout(resolve, 5));
  if (!text()) throw await endedEarly(beside);
  // Its pid as others see it, which is not the one that it sees itself.
  world.input.beside = { text: text(), pid: findProcess(`${world.dir}#beside`)[0] };
  if (!world.input.beside.pid) throw new Error('the run beside is not to be found');
}

const [role, ...names] = process.argv.slice(2);
if (role !== 'guest' && role !== 'control') throw new Error('usage: host.js guest|control NAME...');
const host = await createHost(role);
const queue =
  names.length > 0 ? names : fs.readdirSync(path.join(here, 'cases')).map((n) => n.slice(0, -3));

async function work() {
  for (let name; (name = queue.shift());) {
    const begun = performance.now();
    const outcome = await runCase(host, name).catch((error) => ({
      verdict: 'broken',
      why: String(error.stack),
      attempts: [],
    }));
    process.stdout.write(
      `${JSON.stringify({ name, ms: Math.round(performance.now() - begun), ...outcome })}\n`,
    );
  }
}
await Promise.all(Array.from({ length: CONCURRENCY }, work));
for (const runner of runners.values()) await (await runner).dispose();
host.close();
