// The hostile handlers: what each does, and how it is started. `ms` is how long it is to go on.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNodeDir } from '../../lib/build.js';

/**
 * @typedef {object} Hostile
 * @property {string} id
 * @property {string} what
 * @property {string} file
 * @property {string} export
 * @property {(ms: number) => object} input
 * @property {object} [config] of its runner, beside the defaults of `neighbours.js`
 * @property {object} [ctx]
 */

const here = fileURLToPath(new URL('../hostile', import.meta.url));
const MIB = 2 ** 20;
const host = { size: (/** @type {unknown} */ _context, /** @type {any} */ value) => value?.length };
const rules = { permissions: { network: { allow: ['a.invalid', 'example.com'] } } };
const traced = { monitoring: { collectTraces: true } };
const live = { onLog: () => {} };

/** @param {string} id @param {string} what @param {Partial<Hostile>} [rest] @returns {Hostile} */
const says = (id, what, rest) => ({
  id: `says-${id.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  what,
  file: 'says.cjs',
  export: id,
  input: (ms) => ({ ms }),
  ...rest,
});

/** @param {string} id @param {string} what @param {Partial<Hostile>} [rest] @returns {Hostile} */
const takes = (id, what, rest) => ({
  ...says(id, what, rest),
  id: `takes-${id.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  file: 'takes.cjs',
});

/** @param {string} name @param {number} count @param {string} what @param {Partial<Hostile>} [rest] @returns {Hostile} */
const native = (name, count, what, rest) => ({
  id: `kernel-${name.replaceAll('_', '-')}`,
  what,
  file: 'native.cjs',
  export: 'act',
  input: (ms) => ({ name, count, ms }),
  ...rest,
});

/** @type {Hostile[]} */
export const hostile = [
  says('smallValues', 'a result of 16 MiB of {}', { input: () => ({ bytes: 16 * MIB }) }),
  says('deepValue', 'a result of 4 MiB of brackets', { input: () => ({ bytes: 4 * MIB }) }),
  says('manyKeys', 'a result of 200,000 keys', { input: () => ({ count: 200_000 }) }),
  says('longText', 'a result of one text of 32 MiB', { input: () => ({ bytes: 32 * MIB }) }),
  says('largeCalls', 'host calls with 4 MiB of {}', {
    input: (ms) => ({ ms, count: 1_398_000 }),
    config: { host },
  }),
  says('manyCalls', 'host calls by the socket, nothing waited for', { config: { host } }),
  says('callsByHost', 'host calls, 64 at a time', { config: { host } }),
  says('chunks', 'chunks of 20,000 {}', { ctx: { consume: true } }),
  says('progress', 'progress, without a pause', { ctx: { onProgress: () => {} } }),
  says('spans', 'spans with 500 attributes', { config: traced }),
  says('rawSpans', 'spans that are no JSON', { config: traced }),
  says('logFields', 'log lines with 5,000 {} in a field', { ctx: live }),
  says('newlines', 'empty lines, for onLog', { ctx: live }),
  says('longLines', 'text without a line, for onLog', { ctx: live }),
  says('brokenText', 'lines that are no UTF-8', { ctx: live }),
  says('largeError', 'an error of megabytes'),
  says('garbage', 'bytes that are no frame', { input: () => ({ bytes: MIB }) }),
  takes('spin', 'one busy loop'),
  takes('microtasks', 'promises without end'),
  takes('buffers', 'Buffers up to the limit'),
  takes('heap', 'objects up to the limit'),
  takes('garbage', 'objects that nobody keeps'),
  takes('workers', '16 worker threads that compute', { input: (ms) => ({ ms, count: 16 }) }),
  takes('crash', 'abort(3)'),
  takes('exit', 'process.exit'),
  takes('temporaryFiles', 'files in /tmp'),
  takes('outdirFiles', 'files in outdir', { ctx: { outdir: true } }),
  takes('outdirBytes', 'bytes in outdir', { ctx: { outdir: true } }),
  takes('sync', 'fsync(2)', { ctx: { outdir: true } }),
  takes('calls', 'stat(2)'),
  takes('names', '50 look-ups of names that nobody answers', { config: rules }),
  takes('refused', 'connections that the rules refuse', { config: rules }),
  takes('stub', 'connections to the stub resolver', { config: rules }),
  native('spinning', 64, '64 threads that compute'),
  native('idle', 3000, '3,000 threads that sleep'),
  native('memory', 4, '4 threads that write memory'),
  native('yields', 16, '16 threads that yield'),
  native('faults', 4, '4 threads that map and unmap'),
  native('connects', 4, '4 threads of connect(2) that the rules refuse', { config: rules }),
  native('in_flight', 500, '500 descriptors on their way'),
  native('page_tables', 200, '200 MiB of page tables'),
  native('socket_buffers', 110, '110 socket pairs, full'),
  native('pipes', 110, '110 pipes, full'),
  native('watches', 250, '250 inotify instances'),
  native('epolls', 250, '250 epoll instances'),
  native('timers', 100_000, '100,000 timers'),
  native('signals', 100_000, '100,000 signals that wait'),
  native('locks', 8000, '8,000 locks of a file'),
  native('drop_cache', 100, 'what is cached of Node.js, dropped'),
];

/**
 * The package of all of them, built in a directory of its own: guests shall find their module there.
 *
 * @param {string} directory
 */
export function install(directory) {
  const nodeDir = findNodeDir();
  if (!nodeDir) throw new Error('the headers of Node.js are not beside it');
  fs.cpSync(here, directory, { recursive: true });
  const flags = ['-std=gnu11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-DNAPI_VERSION=8'];
  const out = ['-fPIC', '-shared', '-pthread', '-o', path.join(directory, 'acts.node')];
  const include = ['-isystem', path.join(nodeDir, 'include/node')];
  execFileSync('gcc', [...flags, ...out, ...include, path.join(here, 'acts.c')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
