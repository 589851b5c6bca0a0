// What ./escape.test.js and ./mutation.test.js share: the cases, and playing them.
import child_process from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
export const root = path.join(here, '..', '..');
const native = path.join(root, 'build', 'escape');

export const node = process.env.SBX_ESCAPE_NODE ?? process.execPath;
export const GUARDS = [
  'landlock',
  'seccomp',
  'namespaces',
  'privileges',
  'rlimits',
  'descriptors',
  'environment',
  'tree',
];

/** What a variant (./native/without.c) takes away. @type {Record<string, string[]>} */
export const LACKS = {
  default: [],
  'no-userns': ['namespaces'],
  'no-landlock': ['landlock'],
  bare: ['namespaces', 'landlock'],
  'no-mount-setattr': [],
};

/** Runs one of the makefiles here. @param {string} dir */
export function build(dir) {
  const make = child_process.spawnSync('make', ['-C', path.join(here, dir)], { encoding: 'utf8' });
  if (make.status !== 0) throw new Error(`${dir}: ${make.error ?? make.stdout + make.stderr}`);
}

/** @returns {Promise<Map<string, any>>} what this machine and Node.js can try, by name */
export async function loadCases() {
  const cases = new Map();
  const version = Number(
    child_process.execFileSync(node, ['-p', 'parseInt(process.versions.node)'], {
      encoding: 'utf8',
    }),
  );
  for (const file of fs.readdirSync(path.join(here, 'cases'))) {
    const { default: escape } = await import(`./cases/${file}`);
    const fits = !(escape.arch && escape.arch !== process.arch) && !(escape.node > version);
    if (fits) cases.set(path.basename(file, '.js'), escape);
  }
  return cases;
}

/** What stops a case in a variant, each by itself. @param {any} escape @param {string} variant */
export function guardsOf(escape, variant) {
  return escape.guards.filter((/** @type {string} */ guard) => !LACKS[variant].includes(guard));
}

/**
 * A command as on a kernel that lacks something.
 *
 * @param {string} variant
 * @param {string[]} command
 * @returns {[file: string, args: string[]]}
 */
export function under(variant, command) {
  const [file, ...args] =
    variant === 'default' ? command : [path.join(native, 'without'), variant, ...command];
  return [file, args];
}

/**
 * @param {'guest' | 'control'} role
 * @param {string} variant
 * @param {string[]} names of cases
 * @param {NodeJS.ProcessEnv} [env] more environment for the host
 * @returns {Promise<Map<string, import('./judge.js').Judgement>>}
 */
export async function play(role, variant, names, env) {
  const [file, args] = under(variant, [node, path.join(here, 'host.js'), role, ...names]);
  const child = child_process.spawn(file, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const results = new Map();
  for await (const line of readline.createInterface({ input: child.stdout })) {
    const { name, ...result } = JSON.parse(line);
    results.set(name, result);
  }
  return results;
}
