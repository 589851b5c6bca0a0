// SPDX-License-Identifier: MIT
// Before `npm pack`: builds, and puts stripped binaries for this platform where the published
// package looks for them, so that installing it runs no script and needs no compiler.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const names = ['sandbox.node', 'zygote.node', 'launcher'];
const target = path.join(root, 'prebuilds', `${process.platform}-${process.arch}`);

/** @param {string} command @param {string[]} args */
function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    // The standard output of `npm pack` is its result, perhaps JSON.
    stdio: ['ignore', 2, 2],
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ended with status ${status}`);
}

/**
 * Whether an ELF file names a loader, which is what makes a program depend on the libraries of the
 * machine that it runs on. The launcher must not: it runs before anything is set up.
 *
 * @param {string} file
 */
function isDynamic(file) {
  const elf = fs.readFileSync(file);
  if (elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1) {
    throw new Error(`${file} is not a 64-bit little-endian ELF file`);
  }
  const PT_INTERP = 3;
  const start = Number(elf.readBigUInt64LE(32));
  const size = elf.readUInt16LE(54);
  const count = elf.readUInt16LE(56);
  return Array.from({ length: count }, (_, i) => elf.readUInt32LE(start + i * size)).includes(
    PT_INTERP,
  );
}

if (process.platform !== 'linux') throw new Error('Packages are made on Linux only.');
run(process.execPath, [path.join('scripts', 'build.js')]);
fs.rmSync(target, { recursive: true, force: true });
fs.mkdirSync(target, { recursive: true });
for (const name of names) {
  const from = path.join(root, 'build', 'Release', name);
  if (!fs.existsSync(from)) throw new Error(`the build left no ${name}`);
  run('strip', ['--strip-unneeded', '-o', path.join(target, name), from]);
}
if (isDynamic(path.join(target, 'launcher'))) throw new Error('the launcher is not static');
fs.chmodSync(path.join(target, 'launcher'), 0o755);
