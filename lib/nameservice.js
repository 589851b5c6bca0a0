// SPDX-License-Identifier: MIT
// Asks this machine's name servers without a thread that waits for them: dns.lookup is getaddrinfo(3),
// which nobody can call off. Only where that would ask the hosts file and name servers and nothing
// else (nsswitch.conf(5)); in all other cases the answer is up to it.
import { Resolver } from 'node:dns/promises';
import dns from 'node:dns';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

/** Sources that know this machine and its own network: nothing of a name with a dot, but these. */
const NEAR = new Set([
  'myhostname',
  'mymachines',
  'mdns_minimal',
  'mdns4_minimal',
  'mdns6_minimal',
]);
const NEAR_NAME = /(^|\.)(local|localhost|localdomain|arpa)$/i;
/** systemd-resolved, which answers on this address what its own source does. */
const RESOLVED = '127.0.0.53';
const MAX_SEARCH = 6;

const NOT_FOUND = 'ENOTFOUND -3008';
const TRY_AGAIN = 'EAI_AGAIN -3001';

/**
 * What /etc says of names.
 *
 * @typedef {object} System
 * @property {boolean} plain nothing but files and name servers are asked
 * @property {boolean} near as well as sources that know names of this machine
 * @property {string[]} servers
 * @property {string[]} search
 * @property {number} ndots names with fewer dots are looked for in `search` first
 * @property {number} timeout in ms
 * @property {number} tries
 */

/** The words of a file's lines, without comments. @param {string} text */
function linesOf(text) {
  return text
    .split('\n')
    .map((line) => line.replace(/[#;].*$/, '').trim())
    .filter(Boolean)
    .map((line) => line.split(/\s+/));
}

/** @param {string} text nsswitch.conf(5), '' when there is none */
function sourcesOf(text) {
  const line = linesOf(text.replace(/:/g, ' ')).find(([word]) => word === 'hosts');
  return line ? line.slice(1).filter((word) => !/^\[|\]$/.test(word)) : ['files', 'dns'];
}

/** @param {string} nsswitch @param {string} resolv texts of the files @returns {System} */
export function readSystem(nsswitch, resolv) {
  const lines = linesOf(resolv);
  const all = (/** @type {string} */ word) => lines.filter(([first]) => first === word);
  const servers = all('nameserver')
    .map(([, address]) => address)
    .slice(0, 3);
  const options = all('options').flat();
  const option = (/** @type {string} */ name, /** @type {number} */ none, most = 30) => {
    const found = options.findLast((word) => word.startsWith(`${name}:`));
    const value = found ? Number(found.slice(name.length + 1)) : none;
    return Number.isInteger(value) && value >= 0 ? Math.min(value, most) : none;
  };
  const sources = sourcesOf(nsswitch).filter(
    (word) => !(word === 'resolve' && servers.every((server) => server === RESOLVED)),
  );
  const far = sources.filter((word) => !NEAR.has(word));
  return {
    plain: far[0] === 'files' && far.length === 2 && far[1] === 'dns' && servers.length > 0,
    near: far.length < sources.length || sourcesOf(nsswitch).includes('resolve'),
    servers,
    search: lines
      .filter(([word]) => word === 'search' || word === 'domain')
      .flatMap((line) => [line.slice(1)])
      .slice(-1)
      .flat()
      .slice(0, MAX_SEARCH),
    ndots: option('ndots', 1, 15),
    timeout: Math.max(1, option('timeout', 5)) * 1000,
    tries: Math.max(1, option('attempts', 2, 5)),
  };
}

/** The names that a hosts file has. @param {string} text */
export function namesOf(text) {
  return new Set(linesOf(text).flatMap(([, ...names]) => names.map((n) => n.toLowerCase())));
}

/** A text file that is read again when it has changed. @template T */
class Watched {
  #file;
  #read;
  #stamp = '';
  /** @type {T | undefined} */
  #value;

  /** @param {string} file @param {(text: string) => T} read */
  constructor(file, read) {
    this.#file = file;
    this.#read = read;
  }

  /** @returns {T} */
  get() {
    const st = fs.statSync(this.#file, { throwIfNoEntry: false });
    const stamp = st ? `${st.ino} ${st.size} ${st.mtimeMs} ${st.ctimeMs}` : 'none';
    if (stamp !== this.#stamp) {
      this.#value = this.#read(st?.isFile() ? fs.readFileSync(this.#file, 'utf8') : '');
      this.#stamp = stamp;
    }
    return /** @type {T} */ (this.#value);
  }
}

/** Which of its addresses are tried first, as getaddrinfo(3) has them: those it has a way to. */
function hasIPv6() {
  return Object.values(os.networkInterfaces())
    .flat()
    .some((at) => at?.family === 'IPv6' && !at.internal && !at.address.startsWith('fe80'));
}

/** The questions that one run has under way. */
export class Inquiry {
  #resolver;
  #system;
  /** Whether the run is over. */
  #over = false;

  /** @param {System} system */
  constructor(system) {
    this.#system = system;
    this.#resolver = new Resolver({ timeout: system.timeout, tries: system.tries });
    this.#resolver.setServers(system.servers);
  }

  /** Whatever is under way ends now. */
  cancel() {
    this.#over = true;
    this.#resolver.cancel();
  }

  /** What is asked for, one after the other until there is an answer. @param {string} name */
  #candidates(name) {
    if (name.endsWith('.')) return [name.slice(0, -1)];
    const { search, ndots } = this.#system;
    const longer = search.map((domain) => `${name}.${domain}`.replace(/\.$/, ''));
    return name.split('.').length > ndots ? [name, ...longer] : [...longer, name];
  }

  /** @param {string} name @param {4 | 6} family @returns {Promise<string[]>} */
  async #ask(name, family) {
    try {
      return await (family === 4 ? this.#resolver.resolve4(name) : this.#resolver.resolve6(name));
    } catch (error) {
      const { code } = /** @type {any} */ (error);
      if (code === dns.NOTFOUND || code === dns.NODATA || code === dns.BADNAME) return [];
      throw error;
    }
  }

  /**
   * @param {string} name
   * @param {{ family: number, hints: number }} wanted
   * @returns {Promise<string[]>} none when there is no such name
   */
  async #addresses(name, { family, hints }) {
    const mapped = family === 6 && (hints & dns.V4MAPPED) !== 0;
    const families = /** @type {(4 | 6)[]} */ (
      family === 4 ? [4] : family === 6 && !mapped ? [6] : hasIPv6() ? [6, 4] : [4, 6]
    );
    const found = await Promise.allSettled(families.map((one) => this.#ask(name, one)));
    const lists = found.map((one) => (one.status === 'fulfilled' ? one.value : []));
    const failed = found.find((one) => one.status === 'rejected');
    if (failed && lists.every((list) => list.length === 0)) throw failed.reason;
    if (!mapped) return lists.flat();
    const six = lists.flat().filter((address) => net.isIPv6(address));
    const four = lists.flat().filter((address) => net.isIPv4(address));
    if (six.length > 0 && !(hints & dns.ALL)) return six;
    return [...six, ...four.map((address) => `::ffff:${address}`)];
  }

  /**
   * @param {string} name
   * @param {{ family: number, hints: number }} wanted
   * @returns {Promise<import('./lookup.js').Answer>}
   */
  async resolve(name, wanted) {
    let error = NOT_FOUND;
    for (const candidate of this.#candidates(name)) {
      if (this.#over) break;
      try {
        const addresses = await this.#addresses(candidate, wanted);
        if (addresses.length > 0) return { addresses, error: '' };
      } catch {
        error = TRY_AGAIN;
      }
    }
    return { addresses: [], error: this.#over ? TRY_AGAIN : error };
  }
}

/** What this machine does with names. */
export class NameService {
  #nsswitch;
  #resolv;
  #hosts;

  /** @param {string} etc */
  constructor(etc) {
    const at = (/** @type {string} */ name) => path.join(etc, name);
    const asIs = (/** @type {string} */ text) => text;
    this.#nsswitch = new Watched(at('nsswitch.conf'), asIs);
    this.#resolv = new Watched(at('resolv.conf'), asIs);
    this.#hosts = new Watched(at('hosts'), namesOf);
  }

  /**
   * @param {string} name
   * @returns {System | undefined} undefined when getaddrinfo(3) is the one to ask: it knows the name
   *   without a name server, or asks somebody else
   */
  systemFor(name) {
    try {
      if (process.env.LOCALDOMAIN || process.env.RES_OPTIONS || process.env.HOSTALIASES)
        return undefined;
      const system = readSystem(this.#nsswitch.get(), this.#resolv.get());
      const near = NEAR_NAME.test(name) || (system.near && !name.includes('.'));
      const known = this.#hosts.get().has(name.toLowerCase());
      return system.plain && !near && !known && !net.isIP(name) ? system : undefined;
    } catch {
      return undefined;
    }
  }
}
