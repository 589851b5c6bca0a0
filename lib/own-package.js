// SPDX-License-Identifier: MIT
// Whether a handler sees the host's own package, which is seldom what its author wanted.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isWithin, realOrNull } from './links.js';

const sandbox = path.dirname(realOrNull(fileURLToPath(new URL('.', import.meta.url))) ?? '/');

/** @type {string | null | undefined} */
let known;

/** @returns {string | null} the package of the host's main module, or of its working directory; real */
function ownPackage() {
  const main = process.argv[1] === undefined ? null : realOrNull(process.argv[1]);
  // The command of this package has no code of its own to keep from handlers.
  if (main !== null && isWithin(main, sandbox)) return null;
  for (let at = main === null ? process.cwd() : path.dirname(main); ; at = path.dirname(at)) {
    if (fs.existsSync(path.join(at, 'package.json'))) return realOrNull(at);
    if (at === '/') return null;
  }
}

/**
 * @param {string | undefined} home the handler's package, where no pluginRoot was given
 * @returns {string | undefined} what is to be said
 */
export function warnOwnPackage(home) {
  if (known === undefined) known = ownPackage();
  if (known === null || home !== known) return undefined;
  return (
    `Handlers see all of ${home}, the package of this process itself, but for .env*, .git and the like: ` +
    "set ctx.pluginRoot to the handler's own directory."
  );
}
