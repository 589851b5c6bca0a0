// SPDX-License-Identifier: MIT
// Resolves the names that guests ask for, with the resolver of this process. What may be asked was
// judged before (src/addon/lookup.c), what came of it is judged afterwards.
import dns from 'node:dns';

/**
 * getaddrinfo(3) takes a thread of this process's pool for as long as it waits, and libuv gives it two
 * of four. One run has one at a time, so that names which nobody answers do not keep the others'
 * waiting.
 */
const AT_A_TIME = 2;
/** Longer than the system's resolver tries; for one that never answers. */
const PATIENCE_MS = 60_000;
/** How many addresses a run keeps names for. */
const MAX_NAMES = 1024;
/** The hints of dns.lookup that have a meaning here. */
const HINTS = dns.ADDRCONFIG | dns.V4MAPPED | dns.ALL;

/**
 * @typedef {object} Question
 * @property {number} lookup its number
 * @property {string} name
 * @property {number} family 0, 4 or 6
 * @property {number} hints
 */

/** @typedef {{ addresses: string[], error: string }} Answer */

/** The runs that something is being resolved for. @type {Set<object>} */
const busy = new Set();
/** @type {{ run: object, start: () => void }[]} */
let waiting = [];

/** Starts what may be. */
function next() {
  while (busy.size < AT_A_TIME) {
    const first = waiting.find(({ run }) => !busy.has(run));
    if (!first) return;
    waiting = waiting.filter((other) => other !== first);
    busy.add(first.run);
    first.start();
  }
}

/**
 * @param {object} run any object that stands for it
 * @param {Question} question
 * @returns {Promise<Answer>} either has something
 */
export async function resolveName(run, { name, family, hints }) {
  await new Promise((resolve) => {
    waiting.push({ run, start: () => resolve(undefined) });
    next();
  });
  try {
    return await lookup(name, { family, hints: hints & HINTS });
  } finally {
    busy.delete(run);
    next();
  }
}

/** The run is over: what it still waits for is not asked. @param {object} run */
export function forgetNames(run) {
  waiting = waiting.filter((other) => other.run !== run);
}

/**
 * @param {string} name
 * @param {{ family: number, hints: number }} options
 * @returns {Promise<Answer>}
 */
function lookup(name, options) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => fail({ code: 'EAI_AGAIN', errno: -3001 }), PATIENCE_MS).unref();
    const fail = (/** @type {any} */ error) =>
      resolve({
        addresses: [],
        error: `${error?.code ?? 'EAI_FAIL'} ${error?.errno ?? 0}`.slice(0, 60),
      });
    try {
      // Asked for by its name each time: the application may have a resolver of its own in its place.
      dns.lookup(name, { ...options, all: true, verbatim: true }, (error, found) => {
        clearTimeout(timer);
        if (error) return fail(error);
        const addresses = found.map(({ address }) => address);
        resolve(
          addresses.length ? { addresses, error: '' } : { addresses, error: 'ENOTFOUND -3008' },
        );
      });
    } catch (error) {
      fail(error);
    }
  });
}

/** Which names the addresses of a run were asked by. */
export class Names {
  /** @type {Map<string, string>} */
  #byAddress = new Map();

  /** @param {string} name @param {readonly string[]} addresses */
  add(name, addresses) {
    for (const address of addresses) {
      const known = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
      if (this.#byAddress.size < MAX_NAMES && !this.#byAddress.has(known))
        this.#byAddress.set(known, name);
    }
  }

  /** @param {string} address @returns {string | undefined} the first of them */
  of(address) {
    return this.#byAddress.get(address);
  }
}
