// SPDX-License-Identifier: MIT
// Which form of a module in-process runs get: the one that its file has now. Node.js loads a module once for
// each URL, so that one whose file was edited, or that failed, has a URL of its own.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { cache } = createRequire(import.meta.url);

/** By file: what it looked like when it was loaded last, and how many forms of it there have been. */
/** @type {Map<string, { stamp: string, form: number, failed: boolean }>} */
const loaded = new Map();

/** @param {string} file */
function stampOf(file) {
  const { ino, size, mtimeNs, ctimeNs } = fs.statSync(file, { bigint: true });
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/**
 * Forgets a CommonJS module and those that it loaded, but for packages: what these are is seldom edited.
 *
 * @param {string} file
 */
function forget(file) {
  const module = cache[file];
  if (!module) return;
  delete cache[file];
  for (const { filename } of module.children)
    if (filename && !filename.includes('/node_modules/')) forget(filename);
}

/**
 * @param {string} file of the handler, absolute
 * @returns {Promise<any>} what it exports. Of what an ES module imports the form stays that of the first time
 */
export async function importNewest(file) {
  const stamp = stampOf(file);
  const before = loaded.get(file);
  const isNew = before !== undefined && (before.failed || before.stamp !== stamp);
  const form = (before?.form ?? 0) + (isNew ? 1 : 0);
  const entry = { stamp, form, failed: false };
  loaded.set(file, entry);
  if (isNew) forget(fs.realpathSync.native(file));
  const { href } = pathToFileURL(file);
  try {
    return await import(form === 0 ? href : `${href}?form=${form}`);
  } catch (error) {
    entry.failed = true;
    throw error;
  }
}
