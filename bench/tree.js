// Processes below one, from /proc.
import fs from 'node:fs';

/** @param {string} file */
function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return ''; // It ended a moment ago.
  }
}

/** @param {number} pid */
export function childrenOf(pid) {
  let tasks;
  try {
    tasks = fs.readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
  // A child belongs to the thread that started it.
  return tasks.flatMap((task) =>
    read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
  );
}

/** @param {number} pid @returns {number[]} */
export const descendantsOf = (pid) =>
  childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);

/** A field of a file of `/proc/PID` in bytes. @param {number} pid @param {string} file @param {string} name */
function field(pid, file, name) {
  const [, kb] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(read(`/proc/${pid}/${file}`)) ?? [];
  return Number(kb ?? 0) * 1024;
}

/** Bytes that would be free without it: pages that are shared count in part. @param {number} pid */
export const proportional = (pid) => field(pid, 'smaps_rollup', 'Pss');

/** @param {number} pid */
export const resident = (pid) => field(pid, 'status', 'VmRSS');

/** @param {number} pid */
export const peakResident = (pid) => field(pid, 'status', 'VmHWM');

/** A process and all below it. @param {number} pid */
export const treeBytes = (pid) =>
  [pid, ...descendantsOf(pid)].reduce((sum, one) => sum + proportional(one), 0);

export function availableBytes() {
  const [, kb] = /^MemAvailable:\s+(\d+)/m.exec(read('/proc/meminfo')) ?? [];
  return Number(kb ?? 0) * 1024;
}

/** One letter, proc(5); nothing where it is gone. @param {number} pid */
export const stateOf = (pid) => /^State:\s+(\w)/m.exec(read(`/proc/${pid}/status`))?.[1];

/** @param {number} pid */
export const commandOf = (pid) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
