// SPDX-License-Identifier: MIT
// A large result, put together from the pieces that a hostile guest sends as it likes. They are read as they
// come, for some milliseconds of each turn of the event loop; what is left is read when the run is over.
import pieces from './guest/pieces.cjs';
import { steady } from './trace.js';

const { Joiner } = pieces;
const TURN_MS = 8;

/** @typedef {string | Buffer | null} Content a text; bytes of a long list, with its form in front of them */

export class Assembler {
  #joiner = new Joiner();
  /** Of what has not been read: form and content in turn. @type {any[]} */
  #waiting = [];
  #first = 0;

  /** @param {(number | Content)[]} list form and content of each piece that has come */
  take(list) {
    for (const item of list) this.#waiting.push(item);
    const until = steady() + TURN_MS;
    while (this.waits && typeof this.#waiting[this.#first + 1] !== 'object') {
      this.#joiner.take(this.#waiting[this.#first], this.#waiting[this.#first + 1]);
      this.#leave();
      if (steady() >= until) return;
    }
    if (this.waits && this.#waiting[this.#first + 1] === null)
      throw new TypeError('A text too long for a string');
  }

  /** Whether there are pieces left to be read. */
  get waits() {
    return this.#first < this.#waiting.length;
  }

  /** @param {any} said what followed the pieces @returns {any} the result */
  finish(said) {
    return this.#joiner.finish(said);
  }

  /** Reads what is left. @param {import('./reader.js').Turns} turns */
  async readRest(turns) {
    while (this.waits) {
      const [form, content] = this.#waiting.slice(this.#first, this.#first + 2);
      this.#leave();
      this.#joiner.take(
        form,
        content instanceof Uint8Array ? await turns.read(content.subarray(1)) : content,
      );
      await turns.rest();
    }
  }

  #leave() {
    this.#waiting[this.#first + 1] = undefined;
    this.#first += 2;
    if (this.waits) return;
    this.#waiting = [];
    this.#first = 0;
  }
}
