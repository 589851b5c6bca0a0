// SPDX-License-Identifier: MIT
// Whether this process may start few more processes or threads, which the kernel tells nobody of: a fork
// fails with EAGAIN, and a Node.js that gets no thread aborts or waits for ever.
import fs from 'node:fs';

/** What an init, a Node.js and its threads take, with room to spare. */
const A_GUEST = 32;
/** More than this many are no machine's shortage; and so many entries of /proc are looked at. */
const MANY = 4096;
/** A guest chooses how often it fails. */
const FRESH_MS = 2000;

/** @typedef {{ name: string, max: number, current: number }} TaskLimit */

/** @type {{ at: number, limit: TaskLimit | undefined } | undefined} */
let last;

/** The limit that has room for no guest, if there is one. @returns {TaskLimit | undefined} */
export function tightLimit() {
  const at = performance.now();
  if (!last || at - last.at > FRESH_MS) last = { at, limit: findLimit() };
  return last.limit;
}

function findLimit() {
  return [ofCgroup, ofUser]
    .map((find) => {
      try {
        return find();
      } catch {
        return undefined; // Its files are not there, or another's.
      }
    })
    .find((limit) => limit && limit.max - limit.current < A_GUEST);
}

/** @param {string} file */
const read = (file) => fs.readFileSync(file, 'latin1').trim();

/** The nearest pids.max of this process's cgroups, of which each holds all beneath. */
function ofCgroup() {
  for (const line of read('/proc/self/cgroup').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined || !(controllers === '' || controllers.split(',').includes('pids')))
      continue;
    // In a container the path may be that of the host, and what is mounted its own cgroup.
    for (const at of ancestors(path)) {
      for (const root of ['/sys/fs/cgroup', '/sys/fs/cgroup/pids']) {
        const max = readNumber(`${root}${at}/pids.max`);
        const current = readNumber(`${root}${at}/pids.current`);
        if (max < MANY) return { name: 'pids.max of the cgroup', max, current };
      }
    }
  }
  return undefined;
}

/** @param {string} path @returns {string[]} it, what is above it, and the root: '' */
function ancestors(path) {
  const names = path.split('/').filter(Boolean);
  return [...names.keys(), names.length].reverse().map((n) => ['', ...names.slice(0, n)].join('/'));
}

/** @param {string} file @returns {number} NaN when it is not there, or says `max` */
function readNumber(file) {
  return fs.existsSync(file) ? Number(read(file)) : NaN;
}

/** RLIMIT_NPROC counts the threads of all processes of a user, and not those of who has capabilities. */
function ofUser() {
  const max = Number(/^Max processes +(\d+)/m.exec(read('/proc/self/limits'))?.[1]);
  if (!(max < MANY) || process.getuid?.() === 0) return undefined;
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  let current = 0;
  for (const pid of pids.slice(0, MANY)) current += threadsOf(pid);
  return { name: 'RLIMIT_NPROC of the user (ulimit -u)', max, current };
}

/** @param {string} pid @returns {number} 0 when it is another user's */
function threadsOf(pid) {
  try {
    const status = read(`/proc/${pid}/status`);
    const own = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]) === process.getuid?.();
    return own ? Number(/^Threads:\s+(\d+)/m.exec(status)?.[1]) : 0;
  } catch {
    return 0; // It is over.
  }
}

/**
 * Names the limit in an error that it may be the cause of: a guest that was not there, or did not come up.
 *
 * @param {import('./errors.js').SandboxError} error
 * @param {any} [outcome] of the run, if it got so far
 * @param {boolean} [fork]
 */
export function nameTaskLimit(error, outcome, fork) {
  const early = !outcome || outcome.startedAt === 0 || (!fork && outcome.marks.boot === 0);
  const told = error.code === 'TIMEOUT' || error.code === 'PROCESS_CRASHED';
  const aborted = outcome?.signal === 'SIGABRT' || outcome?.signal === 'SIGTRAP';
  const limit = told && (early || aborted) ? tightLimit() : undefined;
  if (!limit) return;
  const { name, max, current } = limit;
  error.message += ` It may be for a limit of processes and threads: ${name} is ${max}, and without the guest there are ${current}.`;
  error.details = { ...error.details, limit };
}
