// SPDX-License-Identifier: MIT
// execution.preload on the host's side: which files its modules are made of, which zygotes there are
// for which paths, and whether a file has changed since one of them loaded it.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import guestResolve from './guest/resolve.cjs';
import { isWithin } from './links.js';
import { handlerGrants } from './view.js';

/** Paths whose zygotes are remembered; the launcher keeps fewer of them. */
const MAX_PLACES = 64;
/** Milliseconds between two looks at the files. */
const CHECK_MS = 1000;
/** A module that could not be loaded is not tried again for so long, unless it was changed. */
const RETRY_MS = 10_000;
/** What Node.js reads before it puts its code on large pages. */
const LARGE_PAGES = '/sys/kernel/mm/transparent_hugepage/enabled';
/** What a guest may say that was loaded. */
const MAX_FILES = 2000;

/**
 * What is known of the zygotes for one set of paths.
 *
 * @typedef {object} Place
 * @property {'untried' | 'trying' | 'yes' | 'no'} forks
 * @property {number} seen runs
 * @property {number} since epoch ms: no zygote of it has loaded anything before
 * @property {Map<string, string> | undefined} files what was loaded, as it was
 * @property {{ error: import('./errors.js').SandboxError, until: number, entries: string } | undefined} failure
 */

/**
 * The files that execution.preload names, with all that they may load: for every run, forked or not.
 *
 * @param {readonly string[]} names
 * @param {import('./request.js').Request} request
 * @param {readonly string[]} writable
 * @returns {string[]}
 */
export function moduleGrants(names, { root, workdir, pluginRoot }, writable) {
  const grants = names.filter(isFile).flatMap((name) => {
    const file = toPath(name, root);
    const inside = pluginRoot !== undefined && isWithin(file, pluginRoot);
    return handlerGrants({ file, workdir, ...(inside && { pluginRoot }), writable });
  });
  return [...new Set(grants)];
}

/**
 * What a zygote needs beside that, and what it is to load: the letter p is for src/launcher/init.c.
 *
 * @param {readonly string[]} names
 * @param {string} root
 * @param {string} zygote the path of its module
 */
export function zygoteGrants(names, root, zygote) {
  return [`r${zygote}`, `r${LARGE_PAGES}`, `p${root}`, ...names.map((name) => `p${name}`)];
}

/** As in lib/guest/loaded.cjs; all else is the name of a package. @param {string} name */
function isFile(name) {
  return /^(?:\.{0,2}\/|file:)/.test(name);
}

/** @param {string} name @param {string} root */
function toPath(name, root) {
  try {
    return path.resolve(root, name.startsWith('file:') ? fileURLToPath(name) : name);
  } catch {
    return path.resolve(root, name); // The zygote says what is wrong with it.
  }
}

/** What is different of a file once it was changed. @param {string} file */
function fingerprint(file) {
  try {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    return stat ? `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}` : 'none';
  } catch {
    return 'unreadable';
  }
}

/**
 * Whether a file was changed while a zygote may have been loading it. (A time in the future says
 * nothing, and would say so for ever.)
 *
 * @param {string} file @param {number} since epoch ms
 */
function changedSince(file, since) {
  const mtimeMs = fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return mtimeMs >= since && mtimeMs <= Date.now();
}

/** The zygotes of one launcher. */
export class Places {
  #names;
  /** @type {Map<string, Place>} */
  #all = new Map();
  #checkedAt = Date.now();

  /** @param {readonly string[]} names */
  constructor(names) {
    this.#names = names;
  }

  /** @param {string} workdir @param {readonly string[]} grants @returns {Place} */
  at(workdir, grants) {
    const key = JSON.stringify([workdir, grants]);
    const place = this.#all.get(key) ?? {
      forks: /** @type {const} */ ('untried'),
      seen: 0,
      since: Date.now(),
      files: undefined,
      failure: undefined,
    };
    this.#all.delete(key);
    this.#all.set(key, place);
    if (this.#all.size > MAX_PLACES) this.#all.delete([...this.#all.keys()][0]);
    return place;
  }

  /** Whether a zygote pays there: paths that are used once would have one each for nothing. @param {Place} place */
  pays(place) {
    return this.#all.size === 1 || place.seen > 1;
  }

  /**
   * What a guest says that its zygote had loaded. It is hostile: only what a run may read is looked at.
   *
   * @param {Place} place
   * @param {Buffer | null} result
   * @param {readonly string[]} grants
   */
  learn(place, result, grants) {
    /** @type {unknown} */
    let said;
    try {
      said = JSON.parse(String(result));
    } catch {
      said = undefined;
    }
    const visible = grants.map((grant) => grant.slice(1));
    const files = (Array.isArray(said) ? said : [])
      .filter((file) => typeof file === 'string' && file.length < 4096 && !file.includes('\0'))
      .map((file) => path.resolve(file))
      .filter((file) => visible.some((parent) => isWithin(file, parent)));
    place.files = new Map();
    for (const file of files.slice(0, MAX_FILES))
      place.files.set(file, changedSince(file, place.since) ? 'changed' : fingerprint(file));
  }

  /**
   * @param {Place} place
   * @param {import('./errors.js').SandboxError} error
   * @param {string} root
   */
  fail(place, error, root) {
    place.failure = { error, until: Date.now() + RETRY_MS, entries: this.#entries(root) };
  }

  /** Why a run need not be tried. @param {Place} place @param {string} root */
  failureOf({ failure }, root) {
    if (!failure || Date.now() > failure.until || this.#entries(root) !== failure.entries)
      return undefined;
    return failure.error;
  }

  /** @param {string} root */
  #entries(root) {
    return this.#names
      .filter(isFile)
      .map((name) => {
        try {
          return fingerprint(guestResolve.resolveHandlerFile(toPath(name, root), root));
        } catch {
          return 'none';
        }
      })
      .join('\n');
  }

  /** Whether a file that was loaded is another one now. Looks now and then. */
  changed() {
    const now = Date.now();
    if (now - this.#checkedAt < CHECK_MS) return false;
    this.#checkedAt = now;
    for (const { files } of this.#all.values())
      for (const [file, before] of files ?? []) if (fingerprint(file) !== before) return true;
    return false;
  }
}
