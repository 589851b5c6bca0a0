// SPDX-License-Identifier: MIT
// execution.preload on the host's side: which files its modules are made of, which zygotes there are
// for which paths, and whether a file has changed since one of them loaded it.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import guestResolve from './guest/resolve.cjs';
import { isWithin } from './links.js';
import {
  STAMP,
  compareStamps,
  isThere,
  modifiedMs,
  pathsOf,
  takeAll,
  takeStamps,
} from './stamps.js';
import { wallTime } from './trace.js';
import { handlerView } from './view.js';

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
/** Files that are looked at, of all places; then the one that was learned first is no longer. */
const MAX_WATCHED = 20_000;

/**
 * What is known of the zygotes for one set of paths.
 *
 * @typedef {object} Place
 * @property {'untried' | 'trying' | 'yes' | 'no'} forks
 * @property {number} seen runs
 * @property {number} since epoch ms: no zygote of it has loaded anything before
 * @property {{ error: import('./errors.js').SandboxError, until: number, entries: Buffer } | undefined} failure
 */

/**
 * The files that execution.preload names, with all that they may load: for every run, forked or not.
 *
 * @param {readonly string[]} names
 * @param {import('./request.js').Request} request
 * @param {{ writable: readonly string[], allow: readonly string[], also: readonly string[] }} files
 * @returns {(import('./view.js').HandlerView | Promise<import('./view.js').HandlerView>)[]}
 */
export function moduleViews(names, { root, workdir, pluginRoot }, files) {
  return modulePaths(names, root).map((file) => {
    const inside = pluginRoot !== undefined && isWithin(file, pluginRoot);
    return handlerView({ file, workdir, ...(inside && { pluginRoot }), ...files });
  });
}

/** @param {readonly string[]} names @param {string} root */
export function modulePaths(names, root) {
  return names.filter(isFile).map((name) => toPath(name, root));
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

/**
 * Whether a file was changed while a zygote may have been loading it. (A time in the future says
 * nothing, and would say so for ever.)
 *
 * @param {Buffer} stamp @param {number} since epoch ms
 */
function changedSince(stamp, since) {
  const at = isThere(stamp) ? modifiedMs(stamp) : 0;
  return at >= since && at <= wallTime();
}

/** The zygotes of one launcher. */
export class Places {
  #names;
  /** @type {Map<string, Place>} */
  #all = new Map();
  /** What was loaded, as it was. @type {Map<string, Buffer>} */
  #files = new Map();
  #changed = false;
  #checkedAt = wallTime();
  /** @type {Promise<boolean> | undefined} */
  #checking;

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
      since: wallTime(),
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
  async learn(place, result, grants) {
    /** @type {unknown} */
    let said;
    try {
      said = JSON.parse(String(result));
    } catch {
      said = undefined;
    }
    const visible = grants.map((grant) => grant.slice(1));
    const files = (Array.isArray(said) ? said : [])
      .slice(0, MAX_FILES)
      .filter((file) => typeof file === 'string' && file.length < 4096 && !file.includes('\0'))
      .map((file) => path.resolve(file))
      .filter((file) => visible.some((parent) => isWithin(file, parent)));
    const stamps = await takeStamps(files);
    for (const [i, file] of files.entries()) this.#watch(file, stamps[i], place.since);
  }

  /** @param {string} file @param {Buffer} stamp @param {number} since epoch ms */
  #watch(file, stamp, since) {
    const before = this.#files.get(file);
    // Another zygote has loaded another one.
    if (changedSince(stamp, since) || (before && !before.equals(stamp))) this.#changed = true;
    this.#files.delete(file);
    this.#files.set(file, stamp);
    if (this.#files.size > MAX_WATCHED) this.#files.delete([...this.#files.keys()][0]);
  }

  /**
   * @param {Place} place
   * @param {import('./errors.js').SandboxError} error
   * @param {string} root
   */
  fail(place, error, root) {
    place.failure = { error, until: wallTime() + RETRY_MS, entries: this.#entries(root) };
  }

  /** Why a run need not be tried. @param {Place} place @param {string} root */
  failureOf({ failure }, root) {
    if (!failure || wallTime() > failure.until) return undefined;
    return this.#entries(root).equals(failure.entries) ? failure.error : undefined;
  }

  /** How the files that are named are now. @param {string} root */
  #entries(root) {
    const files = this.#names.filter(isFile).map((name) => {
      try {
        return guestResolve.resolveHandlerFile(toPath(name, root), root);
      } catch {
        return ''; // There is none.
      }
    });
    const stamps = Buffer.alloc(files.length * STAMP);
    compareStamps(pathsOf(files), stamps);
    return stamps;
  }

  /**
   * Whether a file that was loaded is another one now. Looks now and then, on another thread.
   *
   * @returns {boolean | Promise<boolean>}
   */
  changed() {
    if (this.#changed || wallTime() - this.#checkedAt < CHECK_MS || this.#files.size === 0)
      return this.#changed;
    return (this.#checking ??= this.#check().finally(() => {
      this.#checkedAt = wallTime();
      this.#checking = undefined;
    }));
  }

  async #check() {
    const before = Buffer.concat([...this.#files.values()]);
    const now = await takeAll(pathsOf([...this.#files.keys()]));
    return (this.#changed ||= !now.equals(before));
  }
}
