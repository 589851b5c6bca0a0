// What the subjects share.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * @typedef {object} Options
 * @property {string} handler that will be run, for those who can prepare for it
 * @property {number} [concurrency] of runs
 * @property {number} [memoryMb]
 * @property {object} [permissions] of the sandbox
 * @property {object} [monitoring] of the sandbox
 * @property {number} [guards] mask of the sandbox's guards
 * @property {number} [graceMs]
 * @property {string} [isolation] of the sandbox
 * @property {boolean} [calls] the handler will call a function of the host
 *
 * @typedef {object} Instance
 * @property {(handler: string, input: any) => Promise<any>} run to the result
 * @property {(handler: string) => Promise<{ end: () => Promise<void> }>} [hold] resolves when the
 *   guest is there; `end` when it is gone
 * @property {(count: number) => Promise<() => void>} [keep] keeps that many guests of the small
 *   handler alive, where a guest is nothing that could wait
 * @property {(lines: number, length: number) => Promise<number>} [print] runs the printing handler;
 *   resolves with the bytes that came
 * @property {() => Promise<void>} [close]
 * @property {string} [version] of the peer
 */

export const guestDirectory = fileURLToPath(new URL('../guest', import.meta.url));
const require = createRequire(import.meta.url);

/** A subject that this machine does not have, or that does not do what was asked. */
export class Missing extends Error {}

/** @param {string} name of a file in the guests' directory */
export const guestFile = (name) => path.join(guestDirectory, `${name}.cjs`);

/** The text of the small handler as one expression: a function. */
export const echoSource = () =>
  `(() => { const exports = {}; ${fs.readFileSync(guestFile('echo'), 'utf8')}; return exports.run; })()`;

/**
 * The package's directory.
 *
 * @param {string} name
 * @returns {string}
 */
export function packageDirectory(name) {
  for (const place of require.resolve.paths(name) ?? []) {
    const directory = path.join(place, name);
    if (fs.existsSync(path.join(directory, 'package.json'))) return directory;
  }
  throw new Missing(`package ${name} is not installed`);
}

/** @param {string} name @returns {string} */
export function versionOf(name) {
  const file = path.join(packageDirectory(name), 'package.json');
  return JSON.parse(fs.readFileSync(file, 'utf8')).version;
}

/**
 * A package of ./package.json, which may not be there.
 *
 * @param {string} name
 * @returns {Promise<any>}
 */
export async function load(name) {
  packageDirectory(name);
  try {
    return await import(import.meta.resolve(name));
  } catch (error) {
    throw new Missing(`${name} does not load: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {string} program */
export function findProgram(program) {
  for (const directory of (process.env.PATH ?? '').split(':')) {
    const file = path.join(directory, program);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      return file;
    } catch {}
  }
  throw new Missing(`${program} is not on the PATH (Debian: apt-get install ${program})`);
}

/** What processes get, so that all have the same. */
export const environment = { PATH: '/usr/bin:/bin', NO_COLOR: '1' };

/** What `./guest/main.cjs` prints. @param {string} text @returns {any} */
export const parse = (text) => JSON.parse(text.slice(text.startsWith('up\n') ? 3 : 0));

/**
 * Runs a program of `./guest/main.cjs`'s shape.
 *
 * @param {readonly string[]} command without the handler's name
 * @param {string} handler
 * @param {any} input
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<any>}
 */
export function runProgram([file, ...args], handler, input, env = environment) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...args, handler], { env, stdio: 'pipe' });
    /** @type {Buffer[]} */
    const out = [];
    /** @type {Buffer[]} */
    const err = [];
    child.stdout.on('data', (chunk) => out.push(chunk));
    child.stderr.on('data', (chunk) => err.push(chunk));
    child.stdin.on('error', () => {});
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code !== 0) {
        const lines = Buffer.concat(err).toString().trim().split('\n');
        const text = lines.find((line) => /error/i.test(line)) ?? lines[0];
        reject(new Error(`${path.basename(file)} ended with ${signal ?? code}: ${text}`));
        return;
      }
      resolve(parse(Buffer.concat(out).toString()));
    });
    child.stdin.end(JSON.stringify(input));
  });
}

/**
 * @param {readonly string[]} command
 * @param {string} handler
 * @returns {Promise<{ end: () => Promise<void> }>}
 */
export function holdProgram([file, ...args], handler) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...args, handler], {
      env: environment,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const gone = new Promise((done) => void child.once('close', done));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${path.basename(file)} ended with ${code}`)));
    child.stdout.once('data', () =>
      resolve({
        async end() {
          child.kill('SIGKILL');
          await gone;
        },
      }),
    );
    child.stdin.end(JSON.stringify({ ms: 600_000 }));
  });
}

/** @param {string} file */
export const urlOf = (file) => pathToFileURL(file).href;
