// SPDX-License-Identifier: MIT
// The command's bar of a handler's progress, on a terminal: the last line, drawn again behind
// everything else that is written there.

const WIDTH = 24;
/** What would steer the terminal: the text is the guest's. */
// eslint-disable-next-line no-control-regex -- they are what is meant
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

export class ProgressBar {
  #stream;
  #line = '';

  /** @param {{ write(text: string): unknown, columns?: number }} stream a terminal */
  constructor(stream) {
    this.#stream = stream;
  }

  /** @param {number} fraction from 0 to 1 @param {string} [message] */
  update(fraction, message = '') {
    const full = Math.round(fraction * WIDTH);
    const bar = `${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}`;
    const percent = `${Math.floor(fraction * 100)}%`.padStart(4);
    const line = `[${bar}] ${percent} ${message.replaceAll(CONTROL, ' ')}`;
    this.#line = line.slice(0, (this.#stream.columns ?? 80) - 1).trimEnd();
    this.#stream.write(`\r\u001b[K${this.#line}`);
  }

  /** A line above it. @param {string} text */
  print(text) {
    if (this.#line === '') this.#stream.write(`${text}\n`);
    else this.#stream.write(`\r\u001b[K${text}\n${this.#line}`);
  }

  /** Takes it away. */
  end() {
    if (this.#line !== '') this.#stream.write('\r\u001b[K');
    this.#line = '';
  }
}
