// SPDX-License-Identifier: MIT
// Who listens to a runner. A listener that fails is told of and hurts neither the run nor the others.
import { EventEmitter } from 'node:events';
import { describe } from './errors.js';

/** @typedef {import('./index.js').RunnerEvents} RunnerEvents */

const NAMES = ['run', 'kill', 'restart', 'denied', 'pressure'];

export class Events {
  #emitter = new EventEmitter();

  /**
   * @param {'on' | 'once' | 'off'} what
   * @param {string} name
   * @param {any} listener
   */
  change(what, name, listener) {
    if (!NAMES.includes(name))
      throw new TypeError(`'${name}' is no event of a runner; these are: ${NAMES.join(', ')}.`);
    this.#emitter[what](name, listener);
  }

  /** @param {keyof RunnerEvents} name */
  has(name) {
    return this.#emitter.listenerCount(name) > 0;
  }

  /**
   * @template {keyof RunnerEvents} K
   * @param {K} name
   * @param {RunnerEvents[K]} event
   */
  emit(name, event) {
    // Raw ones, since those of once() take themselves away.
    for (const listener of this.#emitter.rawListeners(name)) {
      try {
        const done = Reflect.apply(listener, undefined, [event]);
        if (typeof done?.then === 'function') Promise.resolve(done).catch((error) => tell(error));
      } catch (error) {
        tell(error);
      }
    }
    /** @param {unknown} error */
    function tell(error) {
      const { stack } = /** @type {any} */ (error) ?? {};
      process.emitWarning(`A listener for '${name}' failed: ${describe(error)}`, {
        type: 'SandboxWarning',
        ...(typeof stack === 'string' && { detail: stack }),
      });
    }
  }
}
