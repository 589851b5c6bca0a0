// SPDX-License-Identifier: MIT
// What a run leaves in `ctx.outdir`: counted before it starts, watched while it goes on, and counted again at its
// end, so that a quick writer is told too. Threads of libuv's pool do it: no loop waits for a file system.
import { failure } from './errors.js';

/** Between two looks; where a look takes long, ten times as long as that. */
const INTERVAL_MS = 200;
const SHARE = 10;
/** The pool has four threads, and others need them: a file server may keep these for good. */
const AT_A_TIME = 2;
/** What a look may take beside ten times what it took before. A run settles without it then. */
const PATIENCE_MS = 1_000;
const FIRST_PATIENCE_MS = 60_000;
/** Of a larger directory every look would cost the host seconds. */
const MAX_BEFORE = 1_000_000;
const MIB = 2 ** 20;

/** @typedef {{ bytes: number, files: number, unseen: number, root: string }} Found */
/** @typedef {import('./errors.js').SandboxError} SandboxError */

let looking = 0;
/** @type {Set<() => void>} */
const waiting = new Set();

/** @param {number} patienceMs @returns {Promise<boolean>} false: it did not come */
function takeTurn(patienceMs) {
  if (looking < AT_A_TIME) {
    looking++;
    return Promise.resolve(true);
  }
  return new Promise((resolve) => {
    const go = () => leave(true);
    const timer = setTimeout(() => leave(false), patienceMs);
    const leave = (/** @type {boolean} */ came) => {
      clearTimeout(timer);
      waiting.delete(go);
      resolve(came);
    };
    waiting.add(go);
  });
}

function endTurn() {
  const [next] = waiting;
  if (next) next();
  else looking--;
}

export class OutdirRefused extends Error {}

export class OutdirWatch {
  #addon;
  #path;
  #limits;
  /** @type {Found} */
  #before = { bytes: 0, files: 0, unseen: 0, root: '' };
  #slowestMs = 0;
  #over = false;
  /** The look that is going on. @type {Promise<unknown> | undefined} */
  #going;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /**
   * @param {any} addon
   * @param {string} path
   * @param {{ maxOutputMb: number, maxOutputFiles: number }} limits
   */
  constructor(addon, path, { maxOutputMb, maxOutputFiles }) {
    this.#addon = addon;
    this.#path = path;
    this.#limits = { maxOutputMb, maxOutputFiles, bytes: Math.floor(maxOutputMb * MIB) };
  }

  /**
   * Counts what is there before a run.
   *
   * @returns {Promise<this | undefined>} undefined: there is nothing that a guest could write to
   * @throws {OutdirRefused} when that is too much to be counted again and again
   */
  async open() {
    const most = { maxBytes: Number.MAX_SAFE_INTEGER, maxFiles: MAX_BEFORE };
    const found = await this.#look(most, FIRST_PATIENCE_MS);
    if (!found) throw new Error('the looks at other directories of output do not end');
    if (found.files > MAX_BEFORE)
      throw new OutdirRefused(
        `ctx.outdir holds more than ${MAX_BEFORE} files already, too many to see what a run adds: ` +
          'give each run a directory of its own.',
      );
    this.#before = found;
    return found.root === '' ? undefined : this;
  }

  /** @param {(why: SandboxError) => void} end the run that has begun */
  watch(end) {
    const next = (/** @type {number} */ ms) => {
      this.#timer = setTimeout(() => void look(), ms).unref();
    };
    const look = async () => {
      const going = this.#excess(PATIENCE_MS).catch(() => undefined);
      this.#going = going;
      const error = await going;
      if (this.#over) return;
      if (error) end(error);
      else next(Math.max(INTERVAL_MS, SHARE * this.#slowestMs));
    };
    next(INTERVAL_MS);
  }

  /** The run is over. */
  stop() {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  /**
   * @returns {Promise<SandboxError | undefined>} what is wrong with what the run has left; nothing is where that
   *   cannot be said in time
   */
  async check() {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const patienceMs = PATIENCE_MS + SHARE * this.#slowestMs;
    let late = false;
    const patience = new Promise((resolve) => {
      timer = setTimeout(() => {
        late = true;
        resolve(undefined);
      }, patienceMs);
    });
    const last = async () => {
      await this.#going;
      // Nobody waits for another look by then.
      return late ? undefined : this.#excess(patienceMs);
    };
    const error = await Promise.race([last().catch(() => undefined), patience]);
    clearTimeout(timer);
    return /** @type {SandboxError | undefined} */ (error);
  }

  /** @param {{ maxBytes: number, maxFiles: number }} most @param {number} patienceMs until it begins */
  async #look(most, patienceMs) {
    if (!(await takeTurn(patienceMs))) return undefined;
    const begunAt = performance.now();
    try {
      return /** @type {Found} */ (await this.#addon.measureLater({ path: this.#path, ...most }));
    } finally {
      endTurn();
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - begunAt);
    }
  }

  /** @param {number} patienceMs @returns {Promise<SandboxError | undefined>} */
  async #excess(patienceMs) {
    const before = this.#before;
    const { maxOutputMb, maxOutputFiles, bytes: maxBytes } = this.#limits;
    const most = { maxBytes: before.bytes + maxBytes, maxFiles: before.files + maxOutputFiles };
    const found = await this.#look(most, patienceMs);
    if (!found) return undefined;
    const [bytes, files] = [found.bytes - before.bytes, found.files - before.files];
    if (bytes > maxBytes) {
      const mib = (bytes / MIB).toFixed(3);
      const limit = `execution.maxOutputMb, ${maxOutputMb} MiB`;
      return tooMuch(`${mib} MiB or more, over ${limit}`, { bytes, maxOutputMb });
    }
    if (files > maxOutputFiles) {
      const limit = `execution.maxOutputFiles, ${maxOutputFiles}`;
      return tooMuch(`${files} files and directories or more, over ${limit}`, {
        files,
        maxOutputFiles,
      });
    }
    if (found.root !== before.root || found.unseen > before.unseen)
      return tooMuch(
        'what the host cannot count: directories must be ones that it may read, on the same file system and at most 63 deep',
        { unseen: Math.max(1, found.unseen - before.unseen) },
      );
    return undefined;
  }
}

/** @param {string} what @param {Record<string, unknown>} details */
function tooMuch(what, details) {
  const message = `The run has put into ctx.outdir ${what}. What it wrote is still there.`;
  return failure('OUTPUT_LIMIT', message, details);
}
