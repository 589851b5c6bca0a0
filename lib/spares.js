// SPDX-License-Identifier: MIT
// Guests that are spawned ahead of demand: for handlers that compute for long, which `startup: 'auto'`
// spawns, and whose runs would wait for a new Node.js to start. Each is confined as the runs are that it
// is kept for, waits for the one run that it is for, and knows of none before that.
import fs from 'node:fs';
import os from 'node:os';
import { loadBinding } from './binding.js';

/** Under 'auto'. Each is a Node.js of its own, of some 40 MB. */
const AUTO_MAX = 2;
const IDLE_MS = 5000;
/** Under 'auto' none is started when the machine, or the container, has less to give. */
const MIN_FREE_BYTES = 512 * 2 ** 20;
/** Characters of an input that is kept until its run is over, since the spare may turn out to be dead. */
const MAX_INPUT = 2 ** 20;
/** Kinds of runs that are remembered until a second one comes. */
const MAX_SEEN = 64;
/** A pool that no run has used for so long gives up its place when another wants one. */
const STALE_MS = 1000;
/** Of a file's mode. */
const TYPE = BigInt(fs.constants.S_IFMT);

/**
 * @typedef {object} Spare
 * @property {any} handle of its run, which has not begun
 * @property {import('./launchers.js').Launcher} launcher
 * @property {string[]} stamps of the files that it was confined to
 */

/**
 * Spares for runs that are alike.
 *
 * @typedef {object} Pool
 * @property {string} workdir
 * @property {string[]} grants
 * @property {boolean} collectLogs
 * @property {string[]} paths
 * @property {Spare[]} spares the oldest first: it has had the most time
 * @property {number} usedAt epoch ms
 * @property {number} target as many runs as came at a time
 * @property {NodeJS.Timeout} idle
 */

export class Spares {
  #config;
  #terms;
  #launchers;
  #running;
  /** @type {Map<string, Pool>} */
  #pools = new Map();
  /** Kinds of runs of which there was one. @type {Set<string>} */
  #seen = new Set();
  #closed = false;

  /**
   * @param {Readonly<import('./config.js').Config>} config
   * @param {import('./terms.js').Terms} terms
   * @param {import('./launchers.js').Launchers} launchers
   * @param {() => number} running how many guests are not waiting
   */
  constructor(config, terms, launchers, running) {
    this.#config = config;
    this.#terms = terms;
    this.#launchers = launchers;
    this.#running = running;
  }

  /** How many there are. */
  get count() {
    let count = 0;
    for (const { spares } of this.#pools.values()) count += spares.length;
    return count;
  }

  /**
   * Starts a run that is to be spawned: in a spare where there is one for it.
   *
   * @param {import('./binding.js').Binding} binding
   * @param {any} options of startRun
   * @param {(started: import('./launchers.js').Started) => void} take is given the run, and again when
   *   its spare turns out to be dead and another guest is started
   * @param {() => boolean} wanted whether the run has not been ended
   */
  launch(binding, options, take, wanted) {
    const pool = this.#poolOf(options);
    const begun = pool && this.#begin(binding, pool, options, take, wanted);
    if (!begun) take(this.#launchers.launch(binding, options));
    if (!pool) return;
    if (!begun && pool.target < this.#most()) pool.target++;
    if (!begun) this.#makeRoom(pool);
    pool.idle.refresh();
  }

  /**
   * Starts what is missing, where it may be: when a run has begun, and when one is over.
   *
   * @param {import('./binding.js').Binding} binding
   */
  fill(binding) {
    for (const pool of this.#pools.values())
      while (pool.spares.length < pool.target && this.#mayStart()) {
        if (!this.#start(binding, pool)) return;
        if (this.#isAuto) return; // The next one when there is time for it.
      }
  }

  /** Ends all of them. */
  close() {
    this.#closed = true;
    for (const [key, pool] of this.#pools) this.#drop(key, pool);
  }

  get #isAuto() {
    return this.#config.execution.spares === 'auto';
  }

  #most() {
    const { spares } = this.#config.execution;
    return spares === 'auto' ? AUTO_MAX : spares;
  }

  #mayStart() {
    if (this.count >= this.#most()) return false;
    // Who gives a number has decided.
    if (!this.#isAuto) return true;
    const free = process.availableMemory?.() ?? os.freemem();
    return this.#running() < os.availableParallelism() && free >= MIN_FREE_BYTES;
  }

  /**
   * @param {any} options
   * @returns {Pool | undefined} undefined where there are none
   */
  #poolOf({ workdir, grants, collectLogs, input }) {
    // What is denied may come and go on the host, and what resolves names may change.
    const apart = this.#terms.files.deny.length > 0 || this.#terms.lookups;
    const large = input === undefined || input.length > MAX_INPUT;
    if (this.#closed || apart || large || this.#most() === 0) return undefined;
    const key = JSON.stringify([workdir, grants, collectLogs]);
    const known = this.#pools.get(key);
    if (known) {
      // The one used last comes last.
      known.usedAt = Date.now();
      this.#pools.delete(key);
      this.#pools.set(key, known);
      return known;
    }
    // A working directory that is used once would leave a spare behind that nobody wants.
    if (this.#isAuto && !this.#isSecond(key)) return undefined;
    const every = this.#terms.allowed(workdir, grants).grants;
    /** @type {Pool} */
    const pool = {
      workdir,
      grants,
      collectLogs,
      paths: [...every.map((grant) => grant.slice(1)), workdir],
      spares: [],
      usedAt: Date.now(),
      target: 0,
      idle: setTimeout(() => this.#drop(key, pool), IDLE_MS).unref(),
    };
    this.#pools.set(key, pool);
    return pool;
  }

  /** Whether there was such a run before. @param {string} key */
  #isSecond(key) {
    if (this.#seen.delete(key)) return true;
    this.#seen.add(key);
    if (this.#seen.size > MAX_SEEN) this.#seen.delete([...this.#seen][0]);
    return false;
  }

  /** Where all places are taken, the pool used longest ago gives one up. @param {Pool} wanted */
  #makeRoom(wanted) {
    if (wanted.spares.length > 0 || this.count < this.#most()) return;
    const oldest = [...this.#pools.values()].find(({ spares }) => spares.length > 0);
    // Two that take turns would take each other's for ever.
    if (!oldest || Date.now() - oldest.usedAt < STALE_MS) return;
    oldest.target--;
    discard(oldest.spares.shift()?.handle);
  }

  /** @param {string} key @param {Pool} pool */
  #drop(key, pool) {
    clearTimeout(pool.idle);
    this.#pools.delete(key);
    const { spares } = pool;
    pool.spares = [];
    for (const { handle } of spares) discard(handle);
  }

  /**
   * @param {import('./binding.js').Binding} binding
   * @param {Pool} pool
   * @param {any} options
   * @param {(started: import('./launchers.js').Started) => void} take
   * @param {() => boolean} wanted
   * @returns {boolean} whether there was one
   */
  #begin(binding, pool, options, take, wanted) {
    const now = pool.spares.length > 0 ? takeStamps(pool.paths) : [];
    for (let spare = pool.spares.shift(); spare; spare = pool.spares.shift()) {
      const { handle, launcher, stamps } = spare;
      const onDone = (/** @type {any} */ outcome) => {
        if (diedWaiting(outcome)) this.#replace(binding, launcher, outcome, options, take, wanted);
        else options.onDone(outcome);
      };
      if (launcher === this.#launchers.current && same(stamps, now)) {
        try {
          this.#launchers.begin(binding, launcher, handle, { ...options, onDone });
          take({ handle, launcher });
          return true;
        } catch (error) {
          if (/** @type {any} */ (error).code !== 'ERR_SBX_CLOSED') throw error;
        }
      }
      discard(handle);
    }
    return false;
  }

  /**
   * A spare was dead before its run had begun: none of the handler's code has run.
   *
   * @param {import('./binding.js').Binding} binding
   * @param {import('./launchers.js').Launcher} launcher
   * @param {any} outcome
   * @param {any} options
   * @param {(started: import('./launchers.js').Started) => void} take
   * @param {() => boolean} wanted
   */
  #replace(binding, launcher, outcome, options, take, wanted) {
    if (!wanted()) {
      // Whatever was first, the run was ended.
      const reason = outcome.reason === 'none' ? 'term' : outcome.reason;
      options.onDone({ ...outcome, reason });
      return;
    }
    try {
      take(this.#launchers.launch(binding, options));
    } catch {
      options.onDone(outcome);
      return;
    }
    this.#launchers.leave(launcher);
  }

  /**
   * @param {import('./binding.js').Binding} binding
   * @param {Pool} pool
   * @returns {boolean} whether it could be
   */
  #start({ addon }, pool) {
    const { workdir, grants, collectLogs } = pool;
    const launcher = this.#launchers.current;
    if (!launcher) return false;
    // Before it is confined: what changes meanwhile it may have seen or not.
    const stamps = takeStamps(pool.paths);
    try {
      const handle = addon.startRun(launcher.handle, {
        workdir,
        grants,
        collectLogs,
        fork: false,
        ahead: true,
        program: this.#terms.program.take(),
        onDone: () => {
          pool.spares = pool.spares.filter((spare) => spare.handle !== handle);
        },
      });
      pool.spares.push({ handle, launcher, stamps });
      return true;
    } catch {
      return false; // The launcher is lost. The next run starts another.
    }
  }
}

/**
 * Whether a spare has not come to its run. One that was killed may be told of it before it is gone; but it
 * says that it has started before it loads anything foreign.
 *
 * @param {any} outcome
 */
function diedWaiting({ kind, reason, signal, startedAt, marks }) {
  if (startedAt === 0) return true;
  return kind === 'exit' && reason === 'none' && signal !== null && marks.boot === 0;
}

/**
 * What paths lead to. A file that is put in the place of another has another number, or the same one and
 * another time of birth.
 *
 * @param {string[]} paths
 */
function takeStamps(paths) {
  return paths.map((path) => {
    try {
      const stat = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
      return stat ? `${stat.dev} ${stat.ino} ${stat.birthtimeNs} ${stat.mode & TYPE}` : 'none';
    } catch (error) {
      return String(/** @type {any} */ (error).code);
    }
  });
}

/** @param {any} handle of a run that has not begun, and will not */
function discard(handle) {
  loadBinding().binding?.addon.endRun(handle, true);
}

/** @param {string[]} a @param {string[]} b */
function same(a, b) {
  return a.every((stamp, i) => stamp === b[i]);
}
