// SPDX-License-Identifier: MIT
// A run that is debugged: what it may ask for, and what has to be different for it. It has a launcher
// of its own, since flags of Node.js, limits and the way of starting are a launcher's.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { invalid } from './errors.js';
import { Budget, listEntries } from './foreign.js';

/** V8's threads, sessions and what a debugger looks at take room beside that of the handler. */
const INSPECTOR_MB = 64;
/** A snapshot is made within the process, from a heap as large as it may be: nodes, edges and text. */
const SNAPSHOT_FACTOR = 5;
const SNAPSHOT_MB = 256;
const MAX_LISTED = 64;
/** Of the directory that guests write to. */
const MOST = { directories: 1, entries: 10_000 };
const SNAPSHOT = /^Heap\.[\w.]+\.heapsnapshot$/;

/**
 * @typedef {object} Plan
 * @property {'inspect' | 'profile' | undefined} level
 * @property {string | undefined} outdir
 * @property {string} tag
 * @property {string[]} flags of Node.js
 * @property {number} extraMb of memory
 * @property {Set<string>} before heap snapshots that were there
 */

/**
 * Why a run may not be debugged as it asks.
 *
 * @param {import('./request.js').Request} request
 * @param {Readonly<import('./config.js').Config>} config
 * @param {boolean} subprocess
 */
export function refuseDebug({ debugLevel: level, outdir }, config, subprocess) {
  if (level === undefined) return undefined;
  if (!subprocess)
    return invalid(
      `ctx.debugLevel '${level}' needs a process: in-process mode runs in yours. Start that with ` +
        (level === 'inspect' ? 'node --inspect.' : 'node --cpu-prof.'),
    );
  if (level === 'profile')
    return outdir === undefined
      ? invalid("ctx.debugLevel 'profile' needs ctx.outdir, to write to.")
      : undefined;
  if (config.isolation === 'strict' && !config.debug)
    return invalid(
      "ctx.debugLevel 'inspect' opens a port to the guest, which isolation 'strict' refuses; " +
        "debug: true in the runner's configuration allows it.",
    );
  if (config.startup === 'fork')
    return invalid(
      "ctx.debugLevel 'inspect' needs a guest that is spawned: startup is 'fork', and has to be " +
        "'spawn' or 'auto'.",
    );
  return undefined;
}

/**
 * @param {import('./request.js').Request} request
 * @param {Readonly<import('./config.js').Config>} config
 * @returns {Promise<Plan | undefined>} undefined: nothing is asked for
 */
export async function planDebug({ debug, debugLevel: level, outdir }, config) {
  if (!debug || (level === undefined && outdir === undefined)) return undefined;
  const { memoryMb } = config.execution;
  const flags =
    level === 'profile' ? ['--heapsnapshot-near-heap-limit=1', `--diagnostic-dir=${outdir}`] : [];
  return {
    level,
    outdir,
    tag: randomBytes(6).toString('hex'),
    flags,
    extraMb: level === 'profile' ? SNAPSHOT_MB + (SNAPSHOT_FACTOR - 1) * memoryMb : INSPECTOR_MB,
    before: new Set(level === 'profile' ? await snapshotsIn(String(outdir)) : []),
  };
}

/** What the guest is told of it. @param {Plan} plan */
export function debugRequest({ level, outdir, tag }) {
  return { level: level ?? null, outdir: outdir ?? null, tag };
}

/**
 * What the run has left. Names alone are looked at: what is in the files, and that they are what
 * they are called, is the guest's word.
 *
 * @param {Plan} plan
 * @returns {Promise<string[]>}
 */
export async function debugFiles({ level, outdir, tag, before }) {
  if (outdir === undefined) return [];
  const names = [`profile-${tag}.cpuprofile`, `report-${tag}.json`];
  const snapshots =
    level === 'profile' ? (await snapshotsIn(outdir)).filter((name) => !before.has(name)) : [];
  const files = [...names, ...snapshots.slice(0, MAX_LISTED)].map((name) =>
    path.join(outdir, name),
  );
  const there = await Promise.all(files.map(isFile));
  return files.filter((_, i) => there[i]).slice(0, MAX_LISTED);
}

/** @param {string} dir */
async function snapshotsIn(dir) {
  const { entries } = await listEntries(dir, new Budget(MOST));
  return entries
    .filter((entry) => entry.isFile() && SNAPSHOT.test(entry.name))
    .map(({ name }) => name);
}

/** No link, wherever it leads. @param {string} file @returns {Promise<boolean>} */
async function isFile(file) {
  try {
    return (await fs.promises.lstat(file)).isFile();
  } catch {
    return false;
  }
}
