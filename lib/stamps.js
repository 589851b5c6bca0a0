// SPDX-License-Identifier: MIT
// Stamps of files, by which a change shows: device, number, size and times, as src/addon/stamps.c takes
// them. A stamp opens nothing.
import { loadBinding } from './binding.js';

/** Bytes of one, and what is where in it. */
export const STAMP = 56;
const MODIFIED = 24;
const MODIFIED_NS = 40;
const KNOWN = 48;

/** @param {readonly string[]} list @returns {Buffer} as the addon takes paths */
export function pathsOf(list) {
  return Buffer.from(list.map((at) => `${at}\0`).join(''));
}

/**
 * Whether all files are as their stamps say. One call, in the caller's turn: for some thirty paths.
 *
 * @param {Uint8Array} paths
 * @param {Uint8Array} stamps become those of now
 * @returns {boolean}
 */
export function compareStamps(paths, stamps) {
  return loadBinding().binding?.addon.stampFiles({ paths, stamps });
}

/**
 * Looks at files on a thread of libuv's pool.
 *
 * @param {readonly string[]} list
 * @returns {Promise<Buffer[]>} a stamp for each
 */
export async function takeStamps(list) {
  const all = await takeAll(pathsOf(list));
  return list.map((_, i) => all.subarray(i * STAMP, (i + 1) * STAMP));
}

/** @param {Uint8Array} paths @returns {Promise<Buffer>} their stamps in a row */
export function takeAll(paths) {
  return loadBinding().binding?.addon.stampFilesLater({ paths });
}

/** @param {Buffer} stamp @returns {boolean} whether there is a file */
export function isThere(stamp) {
  return stamp[KNOWN] === 1;
}

/** @param {Buffer} stamp @returns {number} epoch ms of the last change of contents, or entries */
export function modifiedMs(stamp) {
  return (
    Number(stamp.readBigInt64LE(MODIFIED)) * 1000 + stamp.readUInt32LE(MODIFIED_NS) / 1_000_000
  );
}
