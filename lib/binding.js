// SPDX-License-Identifier: MIT
// Finds and loads the addon and its launcher, inside this package and nowhere else: neither the
// environment nor the working directory can put another program in their place.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { foreignHost } from './runtime.js';

/**
 * @typedef {object} Binding
 * @property {any} addon see "The addon's JavaScript surface" in src/README.md
 * @property {string} launcher its path
 * @property {string} zygote the path of the zygote's module
 */

const root = fileURLToPath(new URL('..', import.meta.url));

/** Where the binaries may be; what was built on this machine comes first. */
const places = [
  path.join(root, 'build', 'Release'),
  path.join(root, 'prebuilds', `${process.platform}-${process.arch}`),
];

/** @type {{ binding?: Binding, problem?: string } | undefined} */
let loaded;

/**
 * @returns {{ binding?: Binding, problem?: string }} `problem` says why there is none and how to
 *   mend it
 */
export function loadBinding() {
  return (loaded ??= load());
}

function load() {
  if (process.platform !== 'linux')
    return {
      problem:
        `Subprocess mode needs Linux; this is ${process.platform}. ` +
        "Use mode 'inprocess' (no isolation) for development here.",
    };
  const foreign = foreignHost();
  if (foreign)
    return {
      problem: `Subprocess mode needs Node.js; this is ${foreign}, whose host cannot load the addon.`,
    };
  if (!fs.existsSync('/proc/self/stat'))
    return {
      problem:
        'Subprocess mode needs /proc, which tells of processes: mount it (mount -t proc proc /proc).',
    };
  const require = createRequire(import.meta.url);
  const tried = [];
  let there = false;
  for (const place of places) {
    const file = path.join(place, 'sandbox.node');
    const launcher = path.join(place, 'launcher');
    const zygote = path.join(place, 'zygote.node');
    try {
      fs.accessSync(launcher, fs.constants.X_OK);
      return { binding: { addon: require(file), launcher, zygote } };
    } catch (error) {
      there ||= fs.existsSync(file);
      tried.push(`  ${place}: ${/** @type {Error} */ (error).message.split('\n')[0]}`);
    }
  }
  return {
    problem:
      `The native part of @kb-labs/sandbox ${there ? 'does not load on' : 'is not there for'} ` +
      `${process.platform}-${process.arch}${libc()}, Node.js ${process.versions.node}. ` +
      `Run 'npx kb-sandbox build' (it needs gcc, make and python3).\n${tried.join('\n')}`,
  };
}

/** Which C library this is, with its version where that is known: binaries are made for one. */
function libc() {
  const { glibcVersionRuntime } = /** @type {any} */ (process.report).getReport().header;
  return glibcVersionRuntime ? ` with glibc ${glibcVersionRuntime}` : ' without glibc';
}
