// SPDX-License-Identifier: MIT
// Which Node.js guests run in: the host's own, where that is a plain one, or the one that `runtime.path`
// names. An application that has Node.js inside would run itself again, and not our guest.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const MEND = "set runtime.path to a Node.js (for example '/usr/bin/node')";

/** @returns {boolean} whether the host is a single executable application, as Node.js itself says */
function isSea() {
  try {
    // Of Node.js 20.12 and later.
    return createRequire(import.meta.url)('node:sea').isSea();
  } catch {
    return false;
  }
}

/**
 * What the host is that is no Node.js whose addon could be loaded; `undefined` when it is one.
 *
 * @returns {string | undefined}
 */
export function foreignHost() {
  const { bun, deno } = process.versions;
  return bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : undefined;
}

/** What the host's executable is that is more than Node.js. @returns {string | undefined} */
function packagedHost() {
  const { electron } = process.versions;
  const host = /** @type {any} */ (process);
  if (electron) return `Electron ${electron}`;
  if (host.pkg || host.__nexe) return 'an application that was packaged with its Node.js';
  return isSea() ? 'a single executable application' : undefined;
}

/** By the path that is configured. @type {Map<string | undefined, string>} */
const problems = new Map();

/**
 * Why no guest can be started in this host with this Node.js, and the mend; '' when one can. Asked for
 * before anything is started.
 *
 * @param {Readonly<{ path?: string }>} runtime
 */
export function runtimeProblem({ path: file }) {
  let problem = problems.get(file);
  if (problem === undefined) problems.set(file, (problem = findProblem(file)));
  return problem;
}

/** @param {string | undefined} file */
function findProblem(file) {
  if (!path.isAbsolute(process.execPath))
    return `Node.js does not know its own path (process.execPath is '${process.execPath}'): mount /proc.`;
  const packaged = packagedHost();
  if (file === undefined && packaged)
    return `process.execPath, ${process.execPath}, is ${packaged}, which a guest would run again: ${MEND}.`;
  if (file === undefined) return '';
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return '';
  } catch (error) {
    return `runtime.path cannot be executed: ${/** @type {Error} */ (error).message}`;
  }
}

/** The executable of guests. @param {Readonly<{ path?: string }>} runtime */
export function executableOf({ path: file }) {
  return file === undefined ? process.execPath : fs.realpathSync(file);
}
