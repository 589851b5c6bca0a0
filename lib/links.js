// SPDX-License-Identifier: MIT
// Follows the symbolic links that package managers make in node_modules (npm link, workspaces, pnpm's
// stores) to the packages that they stand for, and remembers what the answer rests on.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { loadBinding } from './binding.js';

/** Of links that lead out of what is granted; with more than that, the rest is not to be seen. */
const MAX_LINKS = 5_000;
/** Of directories read, for the whole answer. */
const MAX_DIRECTORIES = 20_000;
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

/**
 * Whether a directory holds so much besides one package that it is never granted as one.
 *
 * @param {string} dir real
 */
export function isBroad(dir) {
  if (SHARED_DIRECTORIES.has(dir) || path.dirname(dir) === '/home') return true;
  return [homeDirectory(), os.tmpdir()].some((place) => {
    const at = realOrNull(place);
    return at !== null && isWithin(at, dir);
  });
}

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

export class Links {
  /** Where everything beneath is granted. @type {Set<string>} */
  #granted = new Set();
  /** @type {string[]} */
  #grants = [];
  /** Directories named node_modules whose entries have not been looked at. @type {string[]} */
  #pending = [];
  /** @type {Set<string>} */
  #seen = new Set();
  /** What was looked at, and its stamp. @type {Map<string, Uint8Array>} */
  #watched = new Map();
  #links = 0;
  #directories = 0;
  #pluginRoot;
  /** @type {readonly string[]} */
  #guests;
  /** What has pluginRoot as one of several packages. @type {string | null | undefined} */
  #workspace;

  /**
   * @param {string | null} pluginRoot real; the links beneath it are its author's
   * @param {readonly string[]} guests absolute paths that guests may change
   */
  constructor(pluginRoot, guests) {
    this.#pluginRoot = pluginRoot;
    this.#guests = guests.flatMap((dir) => [dir, realOrNull(dir) ?? dir]);
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
   * @returns {string | null}
   */
  packageOf(dir, top) {
    for (let at = dir; ; at = path.dirname(at)) {
      if (this.#watch(path.join(at, 'package.json'))) return at;
      if (at === top || at === '/' || isInstalled(at)) return null;
    }
  }

  /**
   * The package.json that holds for the modules of a directory, wherever above it is: Node.js reads
   * there whether a file is an ES module, and from version 24 on refuses to load any when a
   * package.json exists that it may not read.
   *
   * @param {string} dir real
   */
  grantDescription(dir) {
    const home = this.packageOf(dir, '/');
    if (home === null) return;
    const file = path.join(home, 'package.json');
    // In a directory that belongs to many, somebody else may have put a link there.
    if (!this.isGuests(file) && realOrNull(file) === file) this.grant(file);
  }

  /** @param {string} dir real, and no broad one */
  addPackage(dir) {
    this.grant(dir);
    this.addModulesAbove(dir);
  }

  /**
   * What a module in `dir` can resolve from.
   *
   * @param {string} dir real
   */
  addModulesAbove(dir) {
    for (let at = dir; ; at = path.dirname(at)) {
      if (path.basename(at) !== 'node_modules') this.#addModules(path.join(at, 'node_modules'));
      if (at === '/') return;
    }
  }

  /** @param {string} dir */
  #addModules(dir) {
    if (this.#seen.has(dir)) return;
    this.#seen.add(dir);
    if (!this.#watch(dir)) return;
    const real = realDirectory(dir);
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

  /** Looks at the entries of every node_modules, and of those that this leads to. */
  follow() {
    for (let dir = this.#pending.pop(); dir !== undefined; dir = this.#pending.pop()) {
      const before = this.#links;
      this.#readModules(dir);
      // Links of pnpm's store lead out of it only to what a workspace has of its own.
      const isWorkspace =
        this.#links > before || this.#watch(path.join(dir, '../pnpm-workspace.yaml'));
      if (isWorkspace) this.#readStore(path.join(dir, '.pnpm'));
    }
  }

  /** @param {string} dir a node_modules */
  #readModules(dir) {
    for (const entry of this.#read(dir)) {
      const at = path.join(dir, entry.name);
      if (entry.isSymbolicLink()) this.#followLink(at, entry.name);
      else if (entry.name.startsWith('@')) {
        for (const scoped of this.#read(at)) {
          if (!scoped.isSymbolicLink()) continue;
          this.#followLink(path.join(at, scoped.name), `${entry.name}/${scoped.name}`);
        }
      }
    }
  }

  /** @param {string} store */
  #readStore(store) {
    for (const entry of this.#read(store, { watch: false })) {
      if (entry.isDirectory() && entry.name !== 'node_modules') {
        this.#readModules(path.join(store, entry.name, 'node_modules'));
      }
    }
  }

  /**
   * @param {string} dir
   * @returns {fs.Dirent[]} none where it cannot be read
   */
  #read(dir, { watch = !isStored(dir) } = {}) {
    if (++this.#directories > MAX_DIRECTORIES) return [];
    if (watch) this.#watch(dir);
    try {
      return fs.readdirSync(dir, { withFileTypes: true });
    } catch {
      return [];
    }
  }

  /**
   * @param {string} link
   * @param {string} name of the package, by the link's own
   */
  #followLink(link, name) {
    if (this.isGuests(link)) return;
    /** @type {string} */
    let next;
    /** @type {string} */
    let real;
    try {
      next = path.resolve(path.dirname(link), fs.readlinkSync(link));
      if (this.#covers(next)) return;
      real = fs.realpathSync.native(next);
    } catch {
      return;
    }
    if (this.#covers(real) || ++this.#links > MAX_LINKS) return;
    if (!this.#isPackage(link, name, real)) return;
    // On the way to the package there may be more links.
    if (next !== real) this.grant(next);
    this.addPackage(real);
  }

  /**
   * Whether a link stands for a package, and may. A plugin can come with a node_modules of its own
   * making, that links to what its author wants to read.
   *
   * @param {string} link
   * @param {string} name
   * @param {string} real where it leads
   */
  #isPackage(link, name, real) {
    if (isBroad(real) || isWithin(link, real)) return false;
    const description = path.join(real, 'package.json');
    if (!this.#watch(description)) return false;
    // Stores hold what comes from registries, and by an alias, too.
    if (isInstalled(real)) return true;
    if (readName(description) !== name) return false;
    const root = this.#pluginRoot;
    if (root === null || !isWithin(link, root) || isWithin(real, root)) return true;
    const workspace = (this.#workspace ??= this.#findWorkspace(path.dirname(root)));
    return workspace !== null && isWithin(real, workspace);
  }

  /**
   * The nearest directory upwards that is the root of a workspace.
   *
   * @param {string} dir real
   * @returns {string | null}
   */
  #findWorkspace(dir) {
    for (let at = dir; ; at = path.dirname(at)) {
      if (this.#watch(path.join(at, 'pnpm-workspace.yaml'))) return at;
      const description = path.join(at, 'package.json');
      if (this.#watch(description) && readJson(description)?.workspaces) return at;
      if (at === '/') return null;
    }
  }

  /**
   * Remembers a path as it is now.
   *
   * @param {string} at
   * @returns {boolean} whether it exists
   */
  #watch(at) {
    const stamp = new Uint8Array(STAMP);
    compareStamps(nameOf(at), stamp);
    if (!isStored(at) && !this.#watched.has(at)) this.#watched.set(at, stamp);
    return stamp[STAMP_KNOWN] === 1;
  }

  /** @returns {{ grants: readonly string[], isFresh: () => boolean }} */
  result() {
    const paths = Buffer.concat([...this.#watched.keys()].map(nameOf));
    const stamps = Buffer.concat([...this.#watched.values()]);
    const settledBefore = (Date.now() - SETTLED_MS) / 1000;
    let fresh = true;
    for (let at = 0; at < stamps.length; at += STAMP)
      fresh &&= Number(stamps.readBigInt64LE(at + STAMP_SECONDS)) < settledBefore;
    const isFresh = () => (fresh = fresh && compareStamps(paths, stamps));
    return { grants: Object.freeze(this.#grants), isFresh };
  }
}

/** Of src/addon/stamps.c: its size, and what is where. */
const STAMP = 32;
const STAMP_SECONDS = 16;
const STAMP_KNOWN = 28;

/** @param {string} at */
const nameOf = (at) => Buffer.from(`${at}\0`);

/**
 * Whether all paths are as their stamps say, which changes with the entries of a directory. Before
 * each run: that is one call, for some thirty paths.
 *
 * @param {Uint8Array} paths
 * @param {Uint8Array} stamps become those of now
 * @returns {boolean}
 */
function compareStamps(paths, stamps) {
  return loadBinding().binding?.addon.stampFiles({ paths, stamps });
}

/** @param {string} dir @returns {string | null} */
function realDirectory(dir) {
  try {
    return fs.statSync(dir).isDirectory() ? fs.realpathSync.native(dir) : null;
  } catch {
    return null;
  }
}

/** @param {string} file @returns {any} */
function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** @param {string} file */
function readName(file) {
  return readJson(file)?.name;
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
