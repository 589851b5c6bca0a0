// SPDX-License-Identifier: MIT
// The launcher of a runner: started with its first run, started again when it was lost, and replaced
// when its zygotes have loaded what has changed. One that is replaced ends with its last run.
import { loadBinding } from './binding.js';
import { now } from './trace.js';

/**
 * @typedef {object} Launcher
 * @property {any} handle
 * @property {Promise<any>} closed
 * @property {string} shape of its policy
 * @property {'untried' | 'trying' | 'yes' | 'no'} forks
 * @property {number} running
 * @property {boolean} retired it gets no more runs, and ends with its last one
 */

/** A run: its handle, and what it runs under. @typedef {{ handle: any, launcher: Launcher }} Started */

export class Launchers {
  #terms;
  #onRestart;
  /** The one that gets the runs. @type {Launcher | undefined} */
  current;
  /** Of those that end with their last run. @type {Set<Promise<any>>} */
  #leaving = new Set();

  /**
   * @param {import('./terms.js').Terms} terms
   * @param {(event: import('./index.js').RestartEvent) => void} onRestart
   */
  constructor(terms, onRestart) {
    this.#terms = terms;
    this.#onRestart = onRestart;
  }

  /**
   * Starts a run, and the launcher when there is none or it was lost a moment ago.
   *
   * @param {import('./binding.js').Binding} binding
   * @param {object} options
   * @returns {Started}
   */
  launch(binding, options) {
    const lost = this.current;
    if (lost) {
      try {
        return { handle: this.start(binding, lost, options), launcher: lost };
      } catch (error) {
        if (/** @type {any} */ (error).code !== 'ERR_SBX_CLOSED') throw error;
      }
    }
    const launcher = (this.current = this.#open(binding));
    if (lost) void this.#tellRestart(lost);
    return { handle: this.start(binding, launcher, options), launcher };
  }

  /**
   * Starts a run under that launcher, which is told by leave() when it is over.
   *
   * @param {import('./binding.js').Binding} binding
   * @param {Launcher} launcher
   * @param {object} options
   * @returns {any} the run's handle
   */
  start({ addon }, launcher, options) {
    const handle = addon.startRun(launcher.handle, options);
    launcher.running++;
    return handle;
  }

  /**
   * Begins a run in a guest that was started ahead of it.
   *
   * @param {import('./binding.js').Binding} binding
   * @param {Launcher} launcher its own
   * @param {any} handle of the guest
   * @param {object} options
   */
  begin({ addon }, launcher, handle, options) {
    addon.beginRun(handle, options);
    launcher.running++;
  }

  /** A run of it is over. @param {Launcher} launcher */
  leave(launcher) {
    launcher.running--;
    this.#closeIdle(launcher);
  }

  /** The current one gets no more runs. */
  retire() {
    const launcher = this.current;
    if (!launcher) return;
    this.current = undefined;
    launcher.retired = true;
    this.#leaving.add(launcher.closed);
    launcher.closed.then(() => this.#leaving.delete(launcher.closed));
    this.#closeIdle(launcher);
  }

  /** Resolves when none is left. No run may be under way. */
  async end() {
    this.retire();
    await Promise.all(this.#leaving);
  }

  /** @param {Launcher} launcher */
  #closeIdle({ retired, running, handle }) {
    if (retired && running === 0) loadBinding().binding?.addon.closeRunner(handle);
  }

  /** @param {import('./binding.js').Binding} binding @returns {Launcher} */
  #open({ addon, launcher, zygote }) {
    /** @type {(info: any) => void} */
    let onClose = () => {};
    const closed = new Promise((resolve) => {
      onClose = resolve;
    });
    const policy = this.#terms.policy(zygote);
    const handle = addon.openRunner({ launcher, policy, onClose });
    return {
      handle,
      closed,
      shape: this.#terms.shape,
      forks: 'untried',
      running: 0,
      retired: false,
    };
  }

  /** @param {Launcher} lost another one has taken its place */
  async #tellRestart({ closed }) {
    const { exitCode, signal, message } = await closed;
    this.#onRestart({
      what: 'launcher',
      time: now(),
      exitCode,
      signal,
      ...(message && { message }),
    });
  }
}
