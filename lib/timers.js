// SPDX-License-Identifier: MIT

/** Timers of Node.js and of the addon count milliseconds in a signed 32-bit number: 24 days. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
