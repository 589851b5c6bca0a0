// SPDX-License-Identifier: MIT
// Why a guest ended by a signal: out of memory, or for reasons of its own. The kernel tells of neither a
// limit that was hit nor an assertion that failed. What tells is what the guest printed last, which is its
// word and harms nobody but itself when it is a lie, and what init saw of its memory.
import { clean } from './logs.js';
import { memoryLimits } from './memory.js';

/** What V8 and libc end a process by when an allocation fails. */
const OUT_OF_MEMORY_SIGNALS = new Set(['SIGABRT', 'SIGTRAP', 'SIGILL', 'SIGSEGV', 'SIGBUS']);
/** Of V8, of Node.js, and of C++ where nobody catches. */
const OUT_OF_MEMORY =
  /out of memory|Allocation failed|std::bad_alloc|ERR_MEMORY_ALLOCATION_FAILED/i;
/** Of assert(3), V8, libc's malloc and C++, which names what was thrown unless memory is out by then. */
const ASSERTION =
  /assert(?:ion)?\b.*\bfail|Check failed|# Fatal error in|terminate called .*(?:'.+'|without)|double free|free\(\)|corrupt|stack smashing|\*\*\* .* \*\*\*/i;
/** How many lines V8 prints after it has said why, with room to spare. */
const LAST_LINES = 64;
const TOLD_LINES = 10;
const TOLD_CHARACTERS = 512;
/** Of a limit: what is denied an allocation of some size holds less than all of it. */
const NEAR = 0.75;

/**
 * @param {{ signal: string, usage: any }} outcome
 * @param {number} memoryMb
 * @param {boolean} announced it ended itself by that signal
 * @param {readonly string[]} printed its newest lines
 */
export function ranOutOfMemory({ signal, usage }, memoryMb, announced, printed) {
  if (announced || !OUT_OF_MEMORY_SIGNALS.has(signal)) return false;
  const last = printed.slice(-LAST_LINES);
  if (last.some((line) => OUT_OF_MEMORY.test(line))) return true;
  if (last.some((line) => ASSERTION.test(line))) return false;
  return usage !== null && isNear(usage, memoryMb);
}

/** @param {any} usage @param {number} memoryMb */
function isNear({ maxRssKb, peakDataKb }, memoryMb) {
  const dataKb = memoryLimits(memoryMb).dataBytes / 1024;
  return maxRssKb >= memoryMb * 1024 * NEAR || peakDataKb >= dataKb * NEAR;
}

/**
 * What is told of a guest that ended by a signal.
 *
 * @param {string} signal
 * @param {readonly string[]} printed
 */
export function signalDetails(signal, printed) {
  const lastLines = printed.slice(-TOLD_LINES).map((line) => clean(line.slice(0, TOLD_CHARACTERS)));
  return { signal, ...(lastLines.length > 0 && { lastLines }) };
}
