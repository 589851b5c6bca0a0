// SPDX-License-Identifier: MIT
// From execution.memoryMb to what the kernel and init hold a guest to.
import { readFileSync } from 'node:fs';

const MIB = 2 ** 20;
/**
 * What Node.js has reserved before a handler runs: thread stacks, code range, semi-spaces. It
 * counts against RLIMIT_DATA (getrlimit(2)) although it is never touched.
 */
const RUNTIME_DATA_MB = 64;
/**
 * Since V8 13 (Node.js 24) the range that machine code is put into is mapped as writable from the
 * start, all 512 MiB of it on x86_64, so that it counts as well: once for the main thread, and once
 * for each worker. There RLIMIT_DATA only bounds what is reserved, and init's watch what is used.
 */
const CODE_RANGE_DATA_MB = codeRangeMb();
/** A worker thread that has done nothing yet holds about this much. */
const MB_OF_A_WORKER = 16;

/** What that is at most, of a Node.js that is not this process's. */
const MAX_CODE_RANGE_MB = 512;

/** @param {number} memoryMb @param {boolean} [other] the guest's Node.js is not the host's */
export function memoryLimits(memoryMb, other = false) {
  const rangeMb = other ? MAX_CODE_RANGE_MB : CODE_RANGE_DATA_MB;
  const used = memoryMb + RUNTIME_DATA_MB;
  const workers = Math.ceil(memoryMb / MB_OF_A_WORKER);
  return {
    memoryBytes: used * MIB,
    dataBytes: (used + rangeMb * (1 + workers)) * MIB,
  };
}

/**
 * How much of this process, which runs the same Node.js as its guests do, is mapped as writable and
 * executable.
 */
function codeRangeMb() {
  let maps = '';
  try {
    maps = readFileSync('/proc/self/maps', 'latin1');
  } catch {
    // Not on this platform.
  }
  let bytes = 0;
  for (const [, start, end] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rwxp/gm))
    bytes += parseInt(end, 16) - parseInt(start, 16);
  return Math.ceil(bytes / MIB);
}
