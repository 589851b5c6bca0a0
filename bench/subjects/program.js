// Programs that run a JavaScript file with less than everything allowed, one process per run.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {
  Missing,
  findProgram,
  guestDirectory,
  guestFile,
  holdProgram,
  packageDirectory,
  runProgram,
} from './common.js';

const main = guestFile('main');
const modules = path.join(packageDirectory('typescript'), '..');
// Looked into before.
const ownModules = path.join(guestDirectory, '../node_modules');

/** @type {Record<string, () => { command: string[], version?: string }>} */
const commands = {
  permission() {
    const known = process.allowedNodeEnvironmentFlags;
    const flag = known.has('--permission') ? '--permission' : '--experimental-permission';
    const reads = [guestDirectory, modules].map((directory) => `--allow-fs-read=${directory}/*`);
    return { command: [process.execPath, flag, ...reads, main], version: process.versions.node };
  },
  bubblewrap() {
    const bwrap = findProgram('bwrap');
    const binds = ['/usr', '/bin', '/lib', '/lib64', process.execPath, guestDirectory, modules]
      .filter((file) => fs.existsSync(file))
      .flatMap((file) => ['--ro-bind', file, file]);
    const command = [bwrap, '--unshare-all', '--die-with-parent', '--new-session'];
    // Before what is bound, which may be beneath them.
    command.push('--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp');
    command.push(...binds, process.execPath, main);
    return { command, version: versionFrom(bwrap) };
  },
  deno() {
    const file = binary('deno', '@deno', /^linux-(x64|arm64)-glibc$/, 'deno', 'deno');
    const command = [
      file,
      'run',
      '--quiet',
      '--no-prompt',
      '--no-remote',
      '--node-modules-dir=none',
    ];
    command.push(
      '--no-lock',
      '--no-config',
      '--allow-env',
      `--allow-read=${[guestDirectory, modules, ownModules].join()}`,
      main,
    );
    return { command, version: versionFrom(file) };
  },
  bun() {
    const file = binary('bun', '@oven', /^bun-linux-(x64|aarch64)$/, 'bin/bun', 'bin/bun.exe');
    return { command: [file, 'run', main], version: versionFrom(file) };
  },
};

/** @param {keyof typeof commands} variant @returns {import('./common.js').Instance} */
export function open(variant) {
  const { command, version } = commands[variant]();
  return {
    version,
    run: (handler, input) => runProgram(command, handler, input),
    hold: (handler) => holdProgram(command, handler),
  };
}

/**
 * The program that a package of the registry holds for this platform. Its own start script, which
 * is a Node.js process of its own, has no place in the numbers.
 *
 * @param {string} name
 * @param {string} scope
 * @param {RegExp} directory
 * @param {string} file
 * @param {string} moved where the package's own script puts it
 */
function binary(name, scope, directory, file, moved) {
  const own = packageDirectory(name);
  const place = path.join(path.dirname(own), scope);
  const found = (fs.existsSync(place) ? fs.readdirSync(place) : [])
    .filter((one) => directory.test(one))
    .map((one) => path.join(place, one, file));
  // A package whose own scripts have run has moved its program.
  const program = [...found, path.join(own, moved)].find((one) => fs.existsSync(one));
  if (!program) throw new Missing(`package ${name} brought no program for this platform`);
  try {
    fs.accessSync(program, fs.constants.X_OK);
  } catch {
    fs.chmodSync(program, 0o755);
  }
  return program;
}

/** @param {string} program */
function versionFrom(program) {
  const { stdout, error } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  if (error) throw new Missing(`${program} does not start: ${error.message}`);
  return /\d+(\.\d+)+/.exec(stdout)?.[0];
}
