// What the addon's tests share: the built addon, and runs of the hand-made guest.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const build =
  process.env.SBX_TEST_BUILD ?? fileURLToPath(new URL('../../build/Release', import.meta.url));

export const addonFile = path.join(build, 'sandbox.node');
export const launcherFile = path.join(build, 'launcher');
export const guestFile = fileURLToPath(new URL('./fixtures/guest.cjs', import.meta.url));

/** @type {any} */
export const addon = createRequire(import.meta.url)(addonFile);

/** @param {object} [fields] */
export function policy(fields) {
  return {
    execPath: process.execPath,
    argv: ['node', guestFile],
    env: ['PATH=/usr/bin:/bin'],
    timeoutMs: 20_000,
    graceMs: 100,
    cpuMs: 0,
    memoryBytes: 1 << 30,
    dataBytes: 4 * 2 ** 30,
    maxFiles: 256,
    maxFileBytes: 0,
    use: 0,
    permit: 0,
    tmpBytes: 0,
    grants: [],
    deny: [],
    zygoteArgv: [],
    maxForks: 0,
    preloadMs: 0,
    maxTasks: 0,
    maxThreads: 0,
    spares: 0,
    netAllow: [],
    netDeny: [],
    cgroup: [],
    ...fields,
  };
}

/**
 * A runner, and a promise for the end of its launcher.
 * @param {object} [fields] of the policy
 */
export function open(fields) {
  /** @type {(info: any) => void} */
  let onClose = () => {};
  const closed = new Promise((resolve) => (onClose = resolve));
  const runner = addon.openRunner({ launcher: launcherFile, policy: policy(fields), onClose });
  return {
    runner,
    closed,
    close() {
      addon.closeRunner(runner);
      return closed;
    },
  };
}

/** @param {object} request @param {object} [options] */
export function options(request, options) {
  return {
    workdir: os.tmpdir(),
    grants: [],
    traceparent: '',
    maxResultBytes: 128 << 20,
    collectLogs: true,
    fork: false,
    logBytes: 1 << 20,
    sampleMs: 0,
    request: Buffer.from(JSON.stringify(request)),
    input: new Uint8Array(0),
    ...options,
  };
}

/**
 * Starts a run; `done` resolves with its outcome.
 * @param {any} runner @param {object} request @param {object} [extra] options of startRun
 * @returns {{ run: any, done: Promise<any> }}
 */
export function start(runner, request, extra) {
  /** @type {(outcome: any) => void} */
  let onDone = () => {};
  const done = new Promise((resolve) => (onDone = resolve));
  // Not inside of the executor, which would turn what startRun throws into a rejection.
  const run = addon.startRun(runner, { ...options(request, extra), onDone });
  return { run, done };
}

/** Open descriptors of this process. */
export function countDescriptors() {
  return fs.readdirSync('/proc/self/fd').length;
}

/** @param {number} pid */
export function childrenOf(pid) {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const stat = fs.readFileSync(`/proc/${name}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
      } catch {
        return false; // It ended between the two calls.
      }
    })
    .map(Number);
}

/** Processes, of whatever parent, whose command line or environment has `word`. @param {string} word */
export function processesWith(word) {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return ['cmdline', 'environ'].some((file) =>
          fs.readFileSync(`/proc/${name}/${file}`, 'latin1').includes(word),
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** @param {() => boolean} condition @param {number} [timeoutMs] */
export async function until(condition, timeoutMs = 5000) {
  const end = Date.now() + timeoutMs;
  while (!condition() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
  return condition();
}
