// SPDX-License-Identifier: MIT
// A large input on its way to the guest, in pieces (lib/guest/pieces.cjs): written while the guest starts
// and reads. It is the input as it was when run() was called, so that it is written before anybody
// else's code runs: to the guest where that starts at once, or else to be kept.
import pieces from './guest/pieces.cjs';
import promises from './guest/promises.cjs';

/** What sendPiece of the addon takes for what follows the pieces. */
const END = Object.keys(pieces.FORM).length;

/** @typedef {(form: number, text: string) => void} Send */

export class Bulk {
  /** @type {import('./guest/pieces.cjs').Split | undefined} */
  #large;
  /** @type {[form: number, text: string][]} */
  #kept = [];

  /** @type {unknown} */
  #value;

  /** @param {import('./guest/pieces.cjs').Split} large @param {unknown} value that it is made of */
  constructor(large, value) {
    this.#large = large;
    this.#value = value;
  }

  /** Writes it, for later. @throws what JSON.stringify does */
  keep() {
    this.#write((form, text) => this.#kept.push([form, text]));
  }

  /** Writes it, or what was kept. @param {Send} send @throws what JSON.stringify does */
  send(send) {
    for (const [form, text] of this.#kept) send(form, text);
    this.#kept = [];
    this.#write(send);
  }

  /** Characters that are kept. */
  get length() {
    return this.#kept.reduce((sum, [, text]) => sum + text.length, 0);
  }

  /** @param {Send} send */
  #write(send) {
    const large = this.#large;
    const value = this.#value;
    this.#large = undefined;
    this.#value = undefined;
    if (!large) return;
    let suspicious = false;
    const { text } = pieces.write(large, (form, piece) => {
      if (form !== pieces.FORM.TEXT) suspicious ||= promises.isSuspicious(piece);
      send(form, piece);
    });
    if (suspicious || promises.isSuspicious(text)) promises.refuse(value);
    send(END, text);
  }
}
