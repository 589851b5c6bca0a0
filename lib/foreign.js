// SPDX-License-Identifier: MIT
// Files and directories that somebody hostile may have made: opened without waiting for anybody, looked at,
// and read up to a limit, all of it on threads of libuv's pool.
import fs from 'node:fs';

const { constants, promises } = fs;
/** A FIFO waits for no writer, and a terminal does not become the host's. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
/** Entries that are read at a time. */
const BATCH = 256;

/**
 * @param {string} file
 * @param {number} limit bytes
 * @returns {Promise<string | undefined>} undefined: it is no regular file, or larger, or cannot be read
 */
export async function readText(file, limit) {
  let handle;
  try {
    // To open a device may do something.
    if (!(await promises.stat(file)).isFile()) return undefined;
    handle = await promises.open(file, FLAGS);
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > limit) return undefined;
    const bytes = Buffer.alloc(stat.size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.toString('utf8', 0, length);
  } catch {
    return undefined;
  } finally {
    await handle?.close();
  }
}

/** What is looked at in all, so that no tree is too large. */
export class Budget {
  /** @param {{ directories: number, entries: number }} most */
  constructor({ directories, entries }) {
    this.directories = directories;
    this.entries = entries;
  }
}

/**
 * The entries of a directory.
 *
 * @param {string} dir
 * @param {Budget} budget is used up
 * @returns {Promise<{ entries: fs.Dirent[], complete: boolean }>} not complete: the budget was not
 *   enough. None where it cannot be read
 */
export async function listEntries(dir, budget) {
  /** @type {fs.Dirent[]} */
  const entries = [];
  if (budget.directories <= 0 || budget.entries <= 0) return { entries, complete: false };
  budget.directories--;
  try {
    // Closed by the loop.
    for await (const entry of await promises.opendir(dir, { bufferSize: BATCH })) {
      if (budget.entries-- <= 0) return { entries, complete: false };
      entries.push(entry);
    }
  } catch {
    // Nobody may read it, or it is gone.
  }
  return { entries, complete: true };
}

/** @param {string} file @returns {Promise<string | null>} where it leads; null: nowhere */
export async function realPath(file) {
  try {
    return await promises.realpath(file);
  } catch {
    return null;
  }
}
