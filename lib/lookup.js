// SPDX-License-Identifier: MIT
// Resolves the names that guests ask for, as this process would. What may be asked was judged before
// (src/addon/lookup.c), what came of it is judged afterwards.
import dns, { lookup as original } from 'node:dns';
import { Inquiry, NameService } from './nameservice.js';

/** Names of one run that are asked for at a time. */
const OF_A_RUN = 4;
/**
 * getaddrinfo(3) takes a thread of this process's pool for as long as it waits, whatever becomes of
 * the run, and libuv gives it two of four. A runner has one of the two at a time.
 */
const THREADS = 2;
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

/** @typedef {{ runner: object, run: object, thread: boolean, start: () => void }} Waiting */

/**
 * Whether dns.lookup is Node.js's own, or one that only looks on (as OpenTelemetry and others mark
 * theirs): the application may have a resolver of its own in its place.
 */
function isOwnLookup() {
  /** @type {any} */
  let now = dns.lookup;
  while (now?.__wrapped === true && typeof now.__original === 'function') now = now.__original;
  return now === original;
}

/** The names that all runners of this process ask for. */
export class Lookups {
  #service;
  /** How many each run has under way that take no thread. @type {WeakMap<object, number>} */
  #direct = new WeakMap();
  /** The runners that a thread works for. @type {Set<object>} */
  #threads = new Set();
  /** @type {Waiting[]} */
  #waiting = [];
  /** When a runner, or a run, had its last turn. @type {WeakMap<object, number>} */
  #served = new WeakMap();
  #turn = 0;
  /** @type {WeakMap<object, Inquiry>} */
  #inquiries = new WeakMap();
  /** Runs that are over. @type {WeakSet<object>} */
  #over = new WeakSet();

  /** @param {string} etc where nsswitch.conf, resolv.conf and hosts are */
  constructor(etc) {
    this.#service = new NameService(etc);
  }

  /** @param {Waiting} one */
  #may({ runner, run, thread }) {
    if (!thread) return (this.#direct.get(run) ?? 0) < OF_A_RUN;
    return this.#threads.size < THREADS && !this.#threads.has(runner);
  }

  /** Who may be next: the runner, then the run, whose last turn is the longest ago. */
  #pick() {
    const last = (/** @type {object} */ key) => this.#served.get(key) ?? 0;
    /** @type {Waiting | undefined} */
    let best;
    for (const one of this.#waiting) {
      if (!this.#may(one)) continue;
      const behind = best && last(one.runner) - last(best.runner);
      if (behind === undefined || behind < 0) best = one;
      else if (behind === 0 && best && last(one.run) < last(best.run)) best = one;
    }
    return best;
  }

  /** Starts what may be. */
  #next() {
    for (let one = this.#pick(); one; one = this.#pick()) {
      this.#waiting.splice(this.#waiting.indexOf(one), 1);
      this.#served.set(one.runner, ++this.#turn).set(one.run, this.#turn);
      if (one.thread) this.#threads.add(one.runner);
      else this.#direct.set(one.run, (this.#direct.get(one.run) ?? 0) + 1);
      one.start();
    }
  }

  /** @param {object} runner @param {object} run @param {boolean} thread */
  #done(runner, run, thread) {
    if (thread) this.#threads.delete(runner);
    else this.#direct.set(run, (this.#direct.get(run) ?? 1) - 1);
    this.#next();
  }

  /**
   * @param {object} runner any object that stands for it
   * @param {object} run
   * @param {Question} question
   * @returns {Promise<Answer>} either has something
   */
  async resolve(runner, run, { name, family, hints }) {
    const own = isOwnLookup();
    const system = own ? this.#service.systemFor(name) : undefined;
    const thread = own && !system;
    await new Promise((resolve) => {
      this.#waiting.push({ runner, run, thread, start: () => resolve(undefined) });
      this.#next();
    });
    try {
      const wanted = { family, hints: hints & HINTS };
      if (!system) return await lookup(name, wanted);
      return await this.#inquiry(run, system).resolve(name, wanted);
    } finally {
      this.#done(runner, run, thread);
    }
  }

  /** @param {object} run @param {import('./nameservice.js').System} system */
  #inquiry(run, system) {
    let inquiry = this.#inquiries.get(run);
    if (!inquiry) this.#inquiries.set(run, (inquiry = new Inquiry(system)));
    // It was given its turn when it was over already.
    if (this.#over.has(run)) inquiry.cancel();
    return inquiry;
  }

  /** The run is over: what it waits for is not asked, and what can be called off is. @param {object} run */
  forget(run) {
    this.#over.add(run);
    this.#waiting = this.#waiting.filter((other) => other.run !== run);
    this.#inquiries.get(run)?.cancel();
  }
}

export const lookups = new Lookups('/etc');

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
