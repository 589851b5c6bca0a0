// What the suite needs beside the operating system's packages: in a new clone it is not there yet.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNodeDir } from '../lib/build.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = path.join(here, '..');
/** isolated-vm is compiled; everything else comes as it is. */
const COMPILE_MS = 8 * 60_000;

export async function install() {
  const quiet = ['--no-audit', '--no-fund'];
  if (!fs.existsSync(path.join(root, 'node_modules/.package-lock.json')))
    must(root, 'npm', ['ci', '--ignore-scripts', ...quiet]);
  if (!fs.existsSync(path.join(root, 'build/Release/sandbox.node')))
    must(root, 'npm', ['run', 'build']);
  // No script of a package is run: what is needed of them is done below.
  if (!fs.existsSync(path.join(here, 'node_modules/.package-lock.json')))
    must(here, 'npm', ['ci', '--ignore-scripts', ...quiet]);
  compileIsolatedVm();
}

/**
 * Of the versions in package.json npm leaves out those that are not for this Node.js; the newest of
 * the others is the one that will be used. Where it does not compile, the suite says so.
 */
function compileIsolatedVm() {
  const [name] = fs
    .readdirSync(path.join(here, 'node_modules'))
    .filter((entry) => entry.startsWith('isolated-vm-'))
    .sort()
    .reverse();
  if (!name) return;
  const directory = path.join(here, 'node_modules', name);
  const done = path.join(directory, `compiled-${process.versions.modules}`);
  if (fs.existsSync(done)) return;
  console.log(`Compiling ${name}, which takes some minutes`);
  const nodeDir = findNodeDir();
  const { status, stderr } = spawnSync('npm', ['rebuild', '--foreground-scripts', name], {
    cwd: here,
    encoding: 'utf8',
    timeout: COMPILE_MS,
    maxBuffer: 2 ** 28,
    env: {
      ...process.env,
      npm_config_build_from_source: 'true',
      ...(nodeDir && { npm_config_nodedir: nodeDir }),
    },
  });
  if (status !== 0)
    console.warn(`${name} does not compile (it needs g++): ${stderr.trim().split('\n').at(-1)}`);
  else fs.writeFileSync(done, '');
}

/** @param {string} cwd @param {string} program @param {string[]} args */
function must(cwd, program, args) {
  const { status, error } = spawnSync(program, args, { cwd, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
