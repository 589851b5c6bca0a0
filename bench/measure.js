// Hosts of subjects, and measuring them in turn.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { chosen } from './catalogue.js';

/**
 * @typedef {object} Row
 * @property {string} subject id of the catalogue
 * @property {string} [case] what was different about it
 * @property {number} [at] the same as a number, where it is one: the plot's x
 * @property {number} [place] which of a series it is, where `at` depends on how fast it went
 * @property {number[][]} visits
 *
 * @typedef {object} Target what the issues ask for
 * @property {string} what
 * @property {number} value
 * @property {import('./statistics.js').Interval} [interval]
 * @property {number} target
 * @property {boolean} [atLeast] rather than at most
 * @property {string} unit
 *
 * @typedef {object} Answer
 * @property {string} question
 * @property {string} unit of the numbers
 * @property {'lower' | 'higher'} better
 * @property {string} [method] what a reader has to know
 * @property {string} [x] what `at` is
 * @property {Row[]} rows
 * @property {{ subject: string, case?: string, reason: string }[]} missing
 * @property {string[]} [notes]
 * @property {Target[]} targets
 *
 * @typedef {object} Asking
 * @property {boolean} quick
 * @property {boolean} long whatever it takes
 * @property {number} ms that the question may take
 * @property {number} hardStop performance.now() after which nothing more is begun
 * @property {(share: number, what: string) => void} progress
 */

/** Of the subjects that were opened. @type {Record<string, string>} */
export const versions = {};

const hostFile = fileURLToPath(new URL('./host.js', import.meta.url));

export class Host {
  #child;
  #exited;
  /** @type {((message: any) => void) | undefined} */
  #answer;

  /** @param {import('./catalogue.js').Subject} subject */
  constructor({ file, variant = null, flags = [] }) {
    this.#child = fork(hostFile, [file, JSON.stringify(variant)], {
      execArgv: ['--expose-gc', ...flags],
      stdio: ['ignore', 'ignore', process.env.BENCH_DEBUG ? 'inherit' : 'ignore', 'ipc'],
      serialization: 'json',
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#answer?.({ error: `its host ended with ${signal ?? code}` });
        resolve(undefined);
      });
    });
    this.#child.on('message', (message) => this.#answer?.(message));
    this.#child.once('error', (error) => this.#answer?.({ error: error.message }));
  }

  /** @param {import('./catalogue.js').Subject} subject */
  static async start(subject) {
    const host = new Host(subject);
    try {
      await host.ready();
    } catch (error) {
      await host.stop();
      throw error;
    }
    return host;
  }

  /** Resolves when it has started. */
  async ready() {
    await this.#next(20_000);
  }

  /** @param {number} timeoutMs @returns {Promise<any>} */
  #next(timeoutMs) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#child.kill('SIGKILL');
        this.#answer?.({ error: `no answer for ${timeoutMs / 1000} s` });
      }, timeoutMs);
      this.#answer = (message) => {
        clearTimeout(timer);
        this.#answer = undefined;
        if (message.error === undefined) resolve(message.value);
        else reject(new Error(message.error));
      };
    });
  }

  /**
   * @param {string} operation of ./host.js
   * @param {object} [args]
   * @param {number} [timeoutMs]
   * @returns {Promise<any>}
   */
  call(operation, args = {}, timeoutMs = 20_000) {
    if (!this.#child.connected) return Promise.reject(new Error('its host has ended'));
    const answer = this.#next(timeoutMs);
    this.#child.send({ operation, args });
    return answer;
  }

  /** Resolves when the process is gone. */
  async stop() {
    if (this.#child.connected) {
      await this.call('close', {}, 5_000).catch(() => {});
      if (this.#child.connected) this.#child.disconnect();
    }
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3_000);
    await this.#exited;
    clearTimeout(timer);
  }
}

/**
 * @typedef {object} Place one thing that is measured, in a host of its own
 * @property {Row} row
 * @property {Host} host
 * @property {() => Promise<void>} renew puts another host in the place of its host
 */

/**
 * Opens a host for each row, one after the other, and says of those that do not open why.
 *
 * @param {{ row: Row, subject: import('./catalogue.js').Subject, options?: object, handler?: string, input?: any, warm?: { concurrency: number, ms: number } }[]} all
 *   `handler` is run once, to see that it can be, and then so many at once for so long
 * @param {(places: Place[], missing: Answer['missing']) => Promise<void>} use
 * @param {Pick<Asking, 'hardStop' | 'progress'>} asking
 * @returns {Promise<{ rows: Row[], missing: Answer['missing'] }>}
 */
export async function withHosts(all, use, { hardStop, progress }) {
  const wanted = all.filter(({ subject }) => chosen(subject));
  /** @type {Place[]} */
  const places = [];
  /** @type {Answer['missing']} */
  const missing = [];
  try {
    for (const { row, subject, options = {}, handler, input, warm } of wanted) {
      if (performance.now() > hardStop) break;
      progress(0, `starting ${subject.name}`);
      const start = async () => {
        const host = await Host.start(subject);
        try {
          const { version } = await host.call('open', { options, handler, input, warm });
          if (version) versions[subject.id] = version;
          return host;
        } catch (error) {
          await host.stop();
          throw error;
        }
      };
      try {
        const place = { row, host: await start(), renew };
        places.push(place);
        async function renew() {
          await place.host.stop();
          place.host = await start();
        }
      } catch (error) {
        missing.push(missingRow(row, /** @type {Error} */ (error).message));
      }
    }
    await use(places, missing);
  } finally {
    await Promise.all(places.map(({ host }) => host.stop()));
  }
  return finish(
    wanted.map(({ row }) => row),
    missing,
  );
}

/** @param {string} subject @param {string} [of] @param {number} [at] @returns {Row} */
export function row(subject, of, at) {
  return {
    subject,
    ...(of !== undefined && { case: of }),
    ...(at !== undefined && { at }),
    visits: [],
  };
}

/** @param {Row} row @param {string} reason */
export function missingRow({ subject, case: of }, reason) {
  return { subject, ...(of !== undefined && { case: of }), reason };
}

/** @param {number[][]} visits @param {number} block @param {number[]} numbers */
export function addTo(visits, block, numbers) {
  const at = Math.min(block, visits.length);
  visits[at] = [...(visits[at] ?? []), ...numbers];
}

/**
 * What `interleave` may renew with. A host that does not start again is found out by the next visit.
 *
 * @param {Place[]} places
 */
export async function renewAll(places) {
  for (const place of places) await place.renew().catch(() => {});
}

/**
 * Nothing is left out in silence.
 *
 * @param {Row[]} rows
 * @param {Answer['missing']} missing
 */
export function finish(rows, missing) {
  const named = (/** @type {Row} */ row) =>
    missing.some((one) => one.subject === row.subject && one.case === row.case);
  for (const row of rows)
    if (row.visits.length === 0 && !named(row)) missing.push(missingRow(row, 'no time was left'));
  return { rows: rows.filter(({ visits }) => visits.length > 0), missing };
}

/** Hosts that a subject has, one after the other, in the questions that say so. */
export const HOSTS = 6;

/**
 * Measures in turn, round after round, so that whatever else goes on on the machine hits all alike.
 * A round is not begun when it would not end in time; one that fails is out. Two processes of one
 * program are not equally fast, however long they are looked at: where `renew` is given, each subject
 * is measured in several hosts, one after the other, and what was seen in one of them is one visit.
 *
 * @template {{ row: Row }} T
 * @param {T[]} entries
 * @param {(entry: T, block: number) => Promise<number[]>} take a visit; `block` counts hosts where they
 *   are renewed and rounds where they are not, and is negative while warming up
 * @param {{ ms: number, most: number, warmUp?: number, renew?: (entries: T[]) => Promise<void> } & Pick<Asking, 'hardStop' | 'progress'>} limits
 * @param {Answer['missing']} missing
 */
export async function interleave(entries, take, limits, missing) {
  const { ms, most, warmUp = 0, renew, hardStop, progress } = limits;
  const once = process.argv.includes('--try');
  let left = [...entries];
  const began = performance.now();
  let roundMs = 0;
  let hosts = 0;
  const rounds = once ? 1 : most;
  for (let round = once ? 0 : -warmUp; round < rounds; round++) {
    if (round > 0 && performance.now() - began + roundMs > ms) break;
    if (renew && round > 0 && performance.now() - began > (ms * (hosts + 1)) / HOSTS) {
      hosts++;
      await renew(left);
    }
    const roundBegan = performance.now();
    // Nobody always comes after the same neighbour.
    const turn = left.length ? Math.abs(round * 7) % left.length : 0;
    for (const entry of [...left.slice(turn), ...left.slice(0, turn)]) {
      if (performance.now() > hardStop) return;
      const share = Math.max((performance.now() - began) / ms, round / rounds);
      progress(Math.min(share, 1), entry.row.subject);
      try {
        const block = round < 0 || !renew ? round : hosts;
        const numbers = await take(entry, block);
        if (block >= 0) addTo(entry.row.visits, block, numbers);
      } catch (error) {
        missing.push(missingRow(entry.row, /** @type {Error} */ (error).message));
        entry.row.visits = [];
        left = left.filter((one) => one !== entry);
      }
    }
    roundMs = performance.now() - roundBegan;
  }
}
