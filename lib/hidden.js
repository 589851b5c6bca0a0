// SPDX-License-Identifier: MIT
// What the default view leaves out of a package: where projects keep their secrets, and what version control
// remembers. A handler's package may be the application itself.
import path from 'node:path';
import { Budget, listEntries, realPath } from './foreign.js';
import { isWithin } from './links.js';
import { modifiedMs, pathsOf, takeAll, takeStamps } from './stamps.js';

const NAMES = new Set('.git .hg .svn .npmrc .netrc .ssh .aws .kube .docker'.split(' '));
const PREFIXES = ['.env', '.yarnrc'];

/** For the packages of one handler. */
const MOST = { directories: 5_000, entries: 200_000 };
/** Each is a path that travels with every run, and a mount. */
const MAX_HIDDEN = 128;
/** Milliseconds after which directories are looked at again, behind a run. */
const AGAIN_MS = 2_000;
/** And after which a run waits for that. */
const STALE_MS = 10_000;
/** As of its cost: a package that takes long to search is searched less often. */
const SHARE = 20;
/** A directory may have changed once more in the tick of the file system's clock in which it was read. */
const SETTLED_MS = 2_000;

/** @param {string} name of a file or directory */
export function isHiddenName(name) {
  return NAMES.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** The packages hold more than can be left out one by one. */
export class TooMuchHidden extends Error {}

/**
 * What a run has to see: real paths.
 *
 * @typedef {object} Needs
 * @property {readonly string[]} files with what leads there
 * @property {readonly string[]} trees with all beneath
 */

/** One search of packages: breadth first, so that what is deep is what may not be reached. */
class Search {
  /** @type {Set<string>} */
  #hidden = new Set();
  #budget = new Budget(MOST);
  #roots;
  #files;
  #trees;
  #needed;
  /** Directories whose entries were read. @type {string[]} */
  read = [];

  /** @param {readonly string[]} roots real paths of packages @param {Needs} needs */
  constructor(roots, { files, trees }) {
    this.#roots = roots;
    this.#files = new Set(files);
    this.#trees = trees;
    this.#needed = [...files, ...trees];
  }

  /** @returns {Promise<string[]>} paths to leave out, with all beneath */
  async run() {
    const queue = new Set([...this.#roots, ...this.#roots.flatMap((root) => this.#wayFrom(root))]);
    // What is added while it goes on is visited as well.
    for (const dir of queue) {
      if (this.#isTree(dir)) continue;
      const { entries, complete } = await listEntries(dir, this.#budget);
      if (!complete) {
        this.#leaveOut(dir);
        continue;
      }
      this.read.push(dir);
      const within = this.#isInHidden(dir);
      for (const entry of entries) {
        const at = path.join(dir, entry.name);
        if (queue.has(at) || this.#files.has(at) || this.#isTree(at)) continue;
        if (within || isHiddenName(entry.name)) {
          if (!entry.isSymbolicLink() || (await this.#mayCover(at))) this.#hidden.add(at);
        } else if (entry.isDirectory() && entry.name !== 'node_modules') queue.add(at);
      }
    }
    return this.#bounded();
  }

  /** Directories between a package and what is needed in it: some of them may have names to leave out. @param {string} root */
  #wayFrom(root) {
    const way = new Set();
    for (const needed of this.#needed) {
      if (!isWithin(needed, root)) continue;
      for (let at = path.dirname(needed); isWithin(at, root) && at !== root; at = path.dirname(at))
        if (!at.slice(root.length).includes('/node_modules')) way.add(at);
    }
    return [...way];
  }

  /** @param {string} at */
  #isTree(at) {
    return this.#trees.some((tree) => isWithin(at, tree));
  }

  /** @param {string} dir */
  #isInHidden(dir) {
    const root = this.#rootOf(dir);
    return dir.slice(root.length).split('/').some(isHiddenName);
  }

  /** @param {string} at */
  #rootOf(at) {
    const around = this.#roots.filter((root) => isWithin(at, root));
    return around.sort((a, b) => a.length - b.length)[0];
  }

  /** Where a link leads is left out with it, unless the run needs something there. @param {string} link */
  async #mayCover(link) {
    const real = await realPath(link);
    if (real === null) return false;
    return ![...this.#needed, ...this.#roots].some((needed) => isWithin(needed, real));
  }

  /**
   * A directory that is not searched is left out, and with it the largest one around it that holds nothing
   * the run needs: they would be too many.
   *
   * @param {string} dir
   */
  #leaveOut(dir) {
    const root = this.#rootOf(dir);
    const names = path.relative(root, dir).split('/').filter(Boolean);
    for (let at = root; ; at = path.join(at, String(names.shift()))) {
      if (!this.#needed.some((needed) => isWithin(needed, at))) {
        this.#hidden.add(at);
        return;
      }
      if (names.length === 0) throw new TooMuchHidden(tooMuch(dir));
    }
  }

  #bounded() {
    if (this.#hidden.size <= MAX_HIDDEN) return [...this.#hidden];
    const all = [...this.#hidden];
    this.#hidden.clear();
    for (const at of all) this.#leaveOut(at);
    if (this.#hidden.size > MAX_HIDDEN) throw new TooMuchHidden(tooMuch(this.#roots[0]));
    return [...this.#hidden];
  }
}

/** @param {string} dir */
function tooMuch(dir) {
  return (
    `what handlers may not see cannot be left out of ${dir}: it holds too many directories or files. ` +
    "Set ctx.pluginRoot to the handler's own directory, or name in permissions.filesystem.allow what " +
    'it may see'
  );
}

/** What is left out of the packages of one handler, and whether that is still right. */
class Hidden {
  /** Grants, which take away. @type {readonly string[]} */
  grants = [];
  #roots;
  #needs;
  /** Of the directories that were read. */
  #paths = pathsOf([]);
  #stamps = Buffer.alloc(0);
  #settled = false;
  #lookedAt = 0;
  #cost = 0;
  /** @type {Promise<void> | undefined} */
  #looking;
  /** @type {unknown} */
  #problem;

  /** @param {readonly string[]} roots real paths of packages @param {Needs} needs */
  constructor(roots, needs) {
    // One within another is searched with it.
    const outer = roots.filter((a) => !roots.some((b) => a !== b && isWithin(a, b)));
    this.#roots = [...new Set(outer)];
    this.#needs = needs;
  }

  /**
   * Before each run.
   *
   * @returns {Promise<void> | undefined} what to wait for, where nobody has looked for a while; rejects
   *   with TooMuchHidden
   */
  refresh() {
    const age = Date.now() - this.#lookedAt;
    if (age >= 0 && age < Math.max(AGAIN_MS, SHARE * this.#cost)) {
      return this.#problem ? Promise.reject(this.#problem) : undefined;
    }
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    // What went wrong is told to the runs after it.
    if (this.#lookedAt > 0 && age >= 0 && age < Math.max(STALE_MS, 2 * SHARE * this.#cost))
      return undefined;
    return this.#looking.then(() => {
      if (this.#problem) throw this.#problem;
    });
  }

  async #look() {
    const begun = Date.now();
    try {
      const same = this.#settled && (await takeAll(this.#paths)).equals(this.#stamps);
      if (!same) await this.#search(begun);
      this.#problem = undefined;
    } catch (error) {
      this.#problem = error;
      this.#settled = false;
    }
    this.#lookedAt = Date.now();
    this.#cost = Math.max(0, this.#lookedAt - begun);
  }

  /** @param {number} begun */
  async #search(begun) {
    const search = new Search(this.#roots, this.#needs);
    const hidden = await search.run();
    const stamps = await takeStamps(search.read);
    this.#paths = pathsOf(search.read);
    this.#stamps = Buffer.concat(stamps);
    this.#settled = stamps.every((stamp) => modifiedMs(stamp) < begun - SETTLED_MS);
    this.grants = hidden.sort().map((at) => `h${at}`);
  }
}

/** By packages and needs: one handler's are asked for again when its links have changed. @type {Map<string, Hidden>} */
const all = new Map();
const MAX_KEPT = 1_000;

/** @param {readonly string[]} roots real paths of packages @param {Needs} needs @returns {Hidden} */
export function hiddenIn(roots, needs) {
  const key = JSON.stringify([roots, needs]);
  const hidden = all.get(key) ?? new Hidden(roots, needs);
  all.delete(key);
  all.set(key, hidden);
  if (all.size > MAX_KEPT) all.delete([...all.keys()][0]);
  return hidden;
}
