// SPDX-License-Identifier: MIT
// Follows the symbolic links that package managers make in node_modules (workspaces, pnpm's stores) to the
// packages that they stand for, and remembers what the answer rests on. Whoever wrote the package may be
// hostile: where a link leads is checked before anything there is looked at, and nothing waits.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Budget, listEntries, readText, realPath } from './foreign.js';
import { compareStamps, isThere, modifiedMs, pathsOf, takeStamps } from './stamps.js';
import { wallTime } from './trace.js';

/** Of links that lead out of what is granted; with more than that, the rest is not to be seen. */
const MAX_LINKS = 5_000;
/** For the whole answer. */
const MOST = { directories: 5_000, entries: 200_000 };
const MAX_DESCRIPTION = 2 ** 20;
/** Of links that were not followed, to say so when an import fails. */
const MAX_UNFOLLOWED = 100;
/**
 * A directory that changed so shortly before it was read may change again without its time showing
 * it: file systems count in ticks of the kernel's clock, or in seconds.
 */
const SETTLED_MS = 2_000;

/** Directories of the system, and those that hold what belongs to many. */
const SHARED_DIRECTORIES = new Set(
  `/ /bin /boot /dev /etc /home /lib /lib32 /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys
   /tmp /usr /usr/bin /usr/lib /usr/lib64 /usr/libexec /usr/local /usr/local/bin /usr/local/etc
   /usr/local/lib /usr/local/share /usr/sbin /usr/share /usr/src /var /var/cache /var/lib /var/log
   /var/opt /var/run /var/tmp /workspace /Users`.split(/\s+/),
);
/** Where a container has the one project that it is for. */
const ONE_PROJECT = '/workspace';

/** A user that has no entry in /etc/passwd, and no HOME, has no home. */
function homeDirectory() {
  try {
    return os.homedir();
  } catch {
    return '/';
  }
}

/** @param {string} child @param {string} parent */
export function isWithin(child, parent) {
  return child === parent || child.startsWith(parent === '/' ? '/' : `${parent}/`);
}

/** @param {string} file */
export function realOrNull(file) {
  try {
    return fs.realpathSync.native(file);
  } catch {
    return null;
  }
}

/** @param {(string | null)[]} paths @returns {string[]} */
const known = (paths) => paths.filter((at) => at !== null);

/**
 * A link that stands for a package and was not followed.
 *
 * @typedef {{ name: string, link: string, real: string }} Unfollowed
 */

export class Links {
  /** Where everything beneath is granted. @type {Set<string>} */
  #granted = new Set();
  /** @type {string[]} */
  #grants = [];
  /** Directories named node_modules whose entries have not been looked at. @type {string[]} */
  #pending = [];
  /** @type {Set<string>} */
  #seen = new Set();
  /** What was looked at, and its stamp. @type {Map<string, Buffer>} */
  #watched = new Map();
  #links = 0;
  #budget = new Budget(MOST);
  #pluginRoot;
  /** @type {readonly string[]} */
  #guests;
  /** The home and temporary directories. @type {readonly string[]} */
  #homes;
  /** Where links may lead: the root of the handler's workspace. @type {string | null} */
  #workspace = null;
  /** @type {Unfollowed[]} */
  #unfollowed = [];
  /** Directories that are granted as what somebody writes, not as what was installed. @type {string[]} */
  #written = [];

  /**
   * @param {string | null} pluginRoot real; the links beneath it are its author's
   * @param {readonly string[]} guests absolute paths that guests may change, and where they lead
   * @param {readonly string[]} homes real
   */
  constructor(pluginRoot, guests, homes) {
    this.#pluginRoot = pluginRoot;
    this.#guests = guests;
    this.#homes = homes;
  }

  /**
   * @param {string | null} pluginRoot real
   * @param {readonly string[]} guests absolute paths that guests may change
   */
  static async create(pluginRoot, guests) {
    const real = await Promise.all(guests.map(realPath));
    const homes = await Promise.all([homeDirectory(), os.tmpdir()].map(realPath));
    return new Links(pluginRoot, [...guests, ...known(real)], known(homes));
  }

  /**
   * Whether a directory holds so much besides one package that it is never granted as one.
   *
   * @param {string} dir real
   */
  isBroad(dir) {
    if (SHARED_DIRECTORIES.has(dir) || path.dirname(dir) === '/home') return true;
    return this.#homes.some((home) => isWithin(home, dir));
  }

  /**
   * Whether guests may have made the entry.
   *
   * @param {string} at
   */
  isGuests(at) {
    return this.#guests.some((dir) => isWithin(at, dir));
  }

  /** @param {string} target absolute */
  grant(target) {
    if (this.#covers(target)) return;
    this.#granted.add(target);
    this.#grants.push(`r${target}`);
  }

  /** @param {string} target */
  #covers(target) {
    for (let at = target; ; at = path.dirname(at)) {
      if (this.#granted.has(at)) return true;
      if (at === '/') return false;
    }
  }

  /**
   * The nearest directory with a package.json, from `dir` upwards to `top`, and never beyond an
   * installed package.
   *
   * @param {string} dir real
   * @param {string} top real
   * @returns {Promise<string | null>}
   */
  async packageOf(dir, top) {
    const dirs = [];
    for (let at = dir; ; at = path.dirname(at)) {
      dirs.push(at);
      if (at === top || at === '/' || isInstalled(at)) break;
    }
    return this.#firstWith(dirs, 'package.json');
  }

  /**
   * @param {string[]} dirs
   * @param {string} name
   * @returns {Promise<string | null>}
   */
  async #firstWith(dirs, name) {
    const stamps = await takeStamps(dirs.map((at) => path.join(at, name)));
    for (const [i, stamp] of stamps.entries()) {
      this.#keep(path.join(dirs[i], name), stamp);
      if (isThere(stamp)) return dirs[i];
    }
    return null;
  }

  /**
   * The package.json that holds for the modules of a directory, wherever above it is: Node.js reads
   * there whether a file is an ES module, and from version 24 on refuses to load any when a
   * package.json exists that it may not read.
   *
   * @param {string} dir real
   */
  async grantDescription(dir) {
    const home = await this.packageOf(dir, '/');
    if (home === null) return;
    const file = path.join(home, 'package.json');
    // In a directory that belongs to many, somebody else may have put a link there.
    if (!this.isGuests(file) && (await realPath(file)) === file) this.grant(file);
  }

  /** @param {string} dir real, and no broad one */
  async addPackage(dir) {
    this.addDirectory(dir);
    await this.addModulesAbove(dir);
  }

  /** @param {string} dir real, and no broad one */
  addDirectory(dir) {
    this.grant(dir);
    this.#written.push(dir);
  }

  /**
   * What a module in `dir` can resolve from.
   *
   * @param {string} dir real
   */
  async addModulesAbove(dir) {
    /** @type {string[]} */
    const places = [];
    for (let at = dir; ; at = path.dirname(at)) {
      const place = path.join(at, 'node_modules');
      if (path.basename(at) !== 'node_modules' && !this.#seen.has(place)) places.push(place);
      if (at === '/') break;
    }
    const stamps = await takeStamps(places);
    for (const [i, place] of places.entries()) {
      this.#seen.add(place);
      this.#keep(place, stamps[i]);
      if (isThere(stamps[i])) await this.#addModules(place);
    }
  }

  /** @param {string} dir that exists */
  async #addModules(dir) {
    const real = await realDirectory(dir);
    if (real === null) return;
    if (real !== dir) {
      // A node_modules that is itself a link. A plugin's author may have made it.
      const isForeign = this.#pluginRoot !== null && isWithin(dir, this.#pluginRoot);
      if (isForeign || this.isGuests(dir) || path.basename(real) !== 'node_modules') return;
    }
    this.grant(dir);
    this.grant(real);
    this.#pending.push(real);
  }

  /**
   * Looks at the entries of every node_modules, and of those that this leads to.
   *
   * @param {string} home real: the directory of the handler's package
   */
  async follow(home) {
    const root = this.#pluginRoot;
    // A plugin does not say itself what it is a part of.
    const from = root !== null && isWithin(home, root) ? path.dirname(root) : home;
    this.#workspace = await this.#findWorkspace(from);
    for (let dir = this.#pending.pop(); dir !== undefined; dir = this.#pending.pop()) {
      const before = this.#links;
      await this.#readModules(dir);
      // Links of pnpm's store lead out of it only to what a workspace has of its own.
      const isWorkspace =
        this.#links > before || (await this.#watch(path.join(dir, '../pnpm-workspace.yaml')));
      if (isWorkspace) await this.#readStore(path.join(dir, '.pnpm'));
    }
  }

  /** @param {string} dir a node_modules */
  async #readModules(dir) {
    for (const entry of await this.#read(dir)) {
      const at = path.join(dir, entry.name);
      if (entry.isSymbolicLink()) await this.#followLink(at, entry.name);
      else if (entry.name.startsWith('@')) {
        for (const scoped of await this.#read(at)) {
          if (!scoped.isSymbolicLink()) continue;
          await this.#followLink(path.join(at, scoped.name), `${entry.name}/${scoped.name}`);
        }
      }
    }
  }

  /** @param {string} store */
  async #readStore(store) {
    for (const entry of await this.#read(store, { watch: false })) {
      if (entry.isDirectory() && entry.name !== 'node_modules') {
        await this.#readModules(path.join(store, entry.name, 'node_modules'));
      }
    }
  }

  /**
   * @param {string} dir
   * @returns {Promise<fs.Dirent[]>} none where it cannot be read
   */
  async #read(dir, { watch = !isStored(dir) } = {}) {
    if (watch) await this.#watch(dir);
    return (await listEntries(dir, this.#budget)).entries;
  }

  /**
   * @param {string} link
   * @param {string} name of the package, by the link's own
   */
  async #followLink(link, name) {
    if (this.isGuests(link)) return;
    /** @type {string} */
    let next;
    try {
      next = path.resolve(path.dirname(link), await fs.promises.readlink(link));
    } catch {
      return;
    }
    if (this.#covers(next)) return;
    const real = await realPath(next);
    if (real === null || this.#covers(real) || ++this.#links > MAX_LINKS) return;
    if (!this.#mayLead(link, real)) {
      if (this.#unfollowed.length < MAX_UNFOLLOWED) this.#unfollowed.push({ name, link, real });
      return;
    }
    if (!(await this.#isPackage(name, real))) return;
    // On the way to the package there may be more links.
    if (next !== real) this.grant(next);
    if (!isInstalled(real)) this.addDirectory(real);
    else this.grant(real);
    await this.addModulesAbove(real);
  }

  /**
   * Whether a link may lead there: within the handler's workspace, or to what a package manager has
   * installed. A package can come with a node_modules of its own making, that links to what its author
   * wants to read.
   *
   * @param {string} link
   * @param {string} real
   */
  #mayLead(link, real) {
    if (this.isBroad(real) || isWithin(link, real) || this.isGuests(real)) return false;
    return isInstalled(real) || (this.#workspace !== null && isWithin(real, this.#workspace));
  }

  /**
   * Whether a link stands for the package there.
   *
   * @param {string} name
   * @param {string} real where the link leads, and may
   */
  async #isPackage(name, real) {
    const description = path.join(real, 'package.json');
    if (!(await this.#watch(description))) return false;
    // Stores hold what comes from registries, and by an alias, too.
    return isInstalled(real) || (await readDescription(description))?.name === name;
  }

  /**
   * The nearest directory upwards that is the root of a workspace.
   *
   * @param {string} dir real
   * @returns {Promise<string | null>}
   */
  async #findWorkspace(dir) {
    for (let at = dir; ; at = path.dirname(at)) {
      if (await this.#isWorkspace(at)) return at;
      if (at === '/') return null;
    }
  }

  /** @param {string} at */
  async #isWorkspace(at) {
    if (this.isGuests(at) || (this.isBroad(at) && at !== ONE_PROJECT)) return false;
    if (await this.#watch(path.join(at, 'pnpm-workspace.yaml'))) return true;
    const file = path.join(at, 'package.json');
    return (await this.#watch(file)) && Boolean((await readDescription(file))?.workspaces);
  }

  /**
   * Remembers a path as it is now.
   *
   * @param {string} at
   * @returns {Promise<boolean>} whether it exists
   */
  async #watch(at) {
    const [stamp] = await takeStamps([at]);
    this.#keep(at, stamp);
    return isThere(stamp);
  }

  /** @param {string} at @param {Buffer} stamp */
  #keep(at, stamp) {
    if (!isStored(at) && !this.#watched.has(at)) this.#watched.set(at, stamp);
  }

  /**
   * @returns {{ grants: readonly string[], written: readonly string[],
   *   unfollowed: readonly Unfollowed[], isFresh: () => boolean }}
   */
  result() {
    const paths = pathsOf([...this.#watched.keys()]);
    const stamps = Buffer.concat([...this.#watched.values()]);
    const settledBefore = wallTime() - SETTLED_MS;
    let fresh = [...this.#watched.values()].every((stamp) => modifiedMs(stamp) < settledBefore);
    const isFresh = () => (fresh = fresh && compareStamps(paths, stamps));
    const written = this.#written;
    return { grants: Object.freeze(this.#grants), written, unfollowed: this.#unfollowed, isFresh };
  }
}

/** @param {string} dir @returns {Promise<string | null>} */
async function realDirectory(dir) {
  try {
    return (await fs.promises.stat(dir)).isDirectory() ? await realPath(dir) : null;
  } catch {
    return null;
  }
}

/** @param {string} file a package.json @returns {Promise<any>} */
async function readDescription(file) {
  try {
    return JSON.parse((await readText(file, MAX_DESCRIPTION)) ?? '');
  } catch {
    return undefined;
  }
}

/**
 * Whether a directory is where a package manager puts one package.
 *
 * @param {string} dir
 */
function isInstalled(dir) {
  const above = path.dirname(dir);
  if (path.basename(above).startsWith('@'))
    return path.basename(path.dirname(above)) === 'node_modules';
  return path.basename(above) === 'node_modules';
}

/**
 * Whether a directory belongs to a store of pnpm, inside a project or shared by all: named by what is
 * in it, it does not change, and a project has too many of them to look at each before a run.
 *
 * @param {string} dir
 */
function isStored(dir) {
  return /\/node_modules\/\.pnpm\/|\/v\d+\/links\//.test(dir);
}
