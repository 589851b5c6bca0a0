'use strict';
// Names of hosts where permissions.network names what may be connected to: dns.lookup asks the host,
// over the data socket, and net, tls, http and fetch ask dns.lookup. It is not a border: an address
// that was not asked for is refused by the kernel.
//
// Loaded before the handler, by the bootstrap and by each worker of the guest, which asks the main
// thread.

// What not every handler needs (workers, connections) is loaded when it is used: each module takes a
// millisecond of each run.

const { AsyncResource } = require('node:async_hooks');
const dns = require('node:dns');
const { syncBuiltinESMExports } = require('node:module');
const { TYPE, send } = require('./frames.cjs');

const { nextTick } = process;
const { from } = Buffer;
const original = { lookup: dns.lookup, promise: dns.promises.lookup };

/** The host takes 64 at a time. */
const MAX_ASKING = 16;
const CHANNEL = '@kb-labs/sandbox: lookups';

/** What an answer says beside addresses: enum sbx_net_verdict of src/core/netrules.h. */
const STATUS = Object.freeze({
  NO_RULE: 0,
  ALLOWED: 1,
  DENIED: 2,
  INWARD: 3,
  MALFORMED: 4,
  FULL: 5,
  ERROR: 255,
});
const EACCES = -13;
const NOT_FOUND = -3008;
const TRY_AGAIN = -3001;

/** Calls that name servers would have to be asked for. */
const QUERIES = [
  'resolve',
  'resolve4',
  'resolve6',
  'resolveAny',
  'resolveCaa',
  'resolveCname',
  'resolveMx',
  'resolveNaptr',
  'resolveNs',
  'resolvePtr',
  'resolveSoa',
  'resolveSrv',
  'resolveTlsa',
  'resolveTxt',
  'reverse',
];

/**
 * @typedef {{ name: string, family: number, hints: number }} Question
 * @typedef {(status: number, text: string) => void} Take takes an answer
 */

// --- asking --------------------------------------------------------------------------------------

/** @type {Map<number, Take>} */
const asking = new Map();
/** @type {{ question: Question, take: Take }[]} */
const waiting = [];
let lastId = 0;
/** The host will say nothing more. */
let lost = false;
/** Of the main thread. @type {typeof import('./inbox.cjs') | undefined} */
let inbox;

/** @param {Question} question @param {Take} take */
function askHost(question, take) {
  if (lost) return take(STATUS.ERROR, `EAI_AGAIN ${TRY_AGAIN}`);
  if (asking.size >= MAX_ASKING) {
    waiting.push({ question, take });
    return;
  }
  const id = (lastId = (lastId + 1) >>> 0);
  const payload = from(`\0\0\0\0\0\0\0\0${question.name}`, 'utf8');
  payload.writeUInt32LE(id, 0);
  payload[4] = question.family;
  payload.writeUInt16LE(question.hints, 6);
  asking.set(id, take);
  send(TYPE.RESOLVE, payload, payload.length);
  inbox?.hold();
}

/** @param {Buffer} answer */
function takeAnswer(answer) {
  const id = answer.readUInt32LE(0);
  const take = asking.get(id);
  if (take === undefined) return;
  asking.delete(id);
  inbox?.release();
  take(answer[4], answer.toString('latin1', 5));
  const next = waiting.shift();
  if (next) askHost(next.question, next.take);
}

/** No answer will come any more. */
function takeLoss() {
  lost = true;
  const all = [...asking.values(), ...waiting.splice(0).map(({ take }) => take)];
  for (let held = asking.size; held > 0; held--) inbox?.release();
  asking.clear();
  for (const take of all) take(STATUS.ERROR, `EAI_AGAIN ${TRY_AGAIN}`);
}

// --- workers -------------------------------------------------------------------------------------

/** @param {string} text @returns {number} */
function isIP(text) {
  return require('node:net').isIP(text);
}

/** The main thread's part: asks for the others. */
function serveWorkers() {
  const { BroadcastChannel } = require('node:worker_threads');
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => {
    const { thread, id, question } = /** @type {any} */ (data);
    if (question === undefined) return;
    askHost(question, (status, text) => channel.postMessage({ to: thread, id, status, text }));
  };
  channel.unref();
  // They ask again for what they have asked while nobody was there.
  channel.postMessage({ serving: true });
}

/** A worker's part. @returns {typeof askHost} */
function askMainThread() {
  const { BroadcastChannel, threadId } = require('node:worker_threads');
  /** @type {Map<number, Question>} */
  const questions = new Map();
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => {
    const { to, id, status, text, serving } = /** @type {any} */ (data);
    if (serving === true)
      for (const [asked, question] of questions)
        channel.postMessage({ thread: threadId, id: asked, question });
    const take = to === threadId ? asking.get(id) : undefined;
    if (take === undefined) return;
    asking.delete(id);
    questions.delete(id);
    if (asking.size === 0) channel.unref();
    take(status, text);
  };
  channel.unref();
  return (question, take) => {
    const id = ++lastId;
    asking.set(id, take);
    questions.set(id, question);
    channel.ref();
    channel.postMessage({ thread: threadId, id, question });
  };
}

// --- answers -------------------------------------------------------------------------------------

/**
 * @param {string} syscall @param {string} code @param {number} errno @param {unknown} hostname
 * @param {string} [why]
 */
function systemError(syscall, code, errno, hostname, why) {
  const message = `${syscall} ${code} ${String(hostname)}${why ? `: ${why}` : ''}`;
  return Object.assign(new Error(message), { errno, code, syscall, hostname });
}

/** @param {number} status @param {string} text @param {string} name */
function failureOf(status, text, name) {
  const fail = (/** @type {string} */ code, /** @type {number} */ errno, why = '') =>
    systemError('getaddrinfo', code, errno, name, why);
  switch (status) {
    case STATUS.NO_RULE:
      return fail('EACCES', EACCES, 'permissions.network.allow does not name it');
    case STATUS.DENIED:
      return fail(
        'EACCES',
        EACCES,
        `permissions.network.deny names ${text ? `${text}, its address` : 'it'}`,
      );
    case STATUS.INWARD:
      return fail(
        'EACCES',
        EACCES,
        `its address ${text} is not public, and permissions.network.allow does not name it`,
      );
    case STATUS.FULL:
      return fail('EACCES', EACCES, 'the run has looked up as many addresses as it may');
    case STATUS.ERROR: {
      const [code, errno] = text.split(' ');
      return fail(code, Number(errno));
    }
    default:
      return fail('ENOTFOUND', NOT_FOUND);
  }
}

/**
 * @param {string} text the answer
 * @param {{ family: number, order: string }} wanted
 * @returns {{ address: string, family: number }[]}
 */
function addressesOf(text, { family, order }) {
  const found = text.split(' ').map((address) => {
    const is6 = isIP(address) === 6;
    // Asked for with dns.V4MAPPED.
    if (family === 6 && !is6) return { address: `::ffff:${address}`, family: 6 };
    return { address, family: is6 ? 6 : 4 };
  });
  const first = order === 'ipv4first' ? 4 : order === 'ipv6first' ? 6 : 0;
  if (first === 0) return found;
  return [...found.filter((a) => a.family === first), ...found.filter((a) => a.family !== first)];
}

// --- refused connections -------------------------------------------------------------------------

/** Names that led to an address, the first one of each. The host keeps as many. */
const MAX_NAMES = 1024;
/** @type {Map<string, string>} */
const nameOf = new Map();

/** @param {string} name @param {{ address: string }[]} found */
function remember(name, found) {
  if (nameOf.size === 0) explainRefusals();
  for (const { address } of found)
    if (nameOf.size < MAX_NAMES && !nameOf.has(address)) nameOf.set(address, name);
}

/** The errors whose messages say already why. @type {WeakSet<object>} */
const explained = new WeakSet();

/** What Node.js makes of a refused connect(2) names the address alone. @param {any} error */
function explain(error) {
  if (error === null || typeof error !== 'object' || explained.has(error)) return;
  if (Array.isArray(error.errors)) error.errors.forEach(explain);
  const { address, code, message, stack, syscall } = error;
  if (code !== 'EACCES' || syscall !== 'connect' || typeof address !== 'string') return;
  explained.add(error);
  const name = nameOf.get(address);
  const to = message.replace(/ - Local \([^)]*\)$/, name === undefined ? '' : ` (${name})`);
  error.message = `${to}: permissions.network does not let it through`;
  if (typeof stack === 'string') error.stack = stack.replace(message, () => error.message);
}

/** Each error of a connection passes here, whoever made it: net, tls, http, fetch. */
function explainRefusals() {
  const { Socket } = require('node:net');
  const { _destroy } = /** @type {any} */ (Socket.prototype);
  /** @type {any} */ (Socket.prototype)._destroy = function (
    /** @type {unknown} */ error,
    /** @type {Function} */ callback,
  ) {
    explain(error);
    return Reflect.apply(_destroy, this, [error, callback]);
  };
}

// --- dns.lookup ----------------------------------------------------------------------------------

/**
 * @param {any} options as dns.lookup takes them
 * @returns {{ family: number, hints: number, all: boolean, order: string } | undefined} undefined for
 *   what Node.js has to say something about itself
 */
function readOptions(options) {
  const given = typeof options === 'number' ? { family: options } : (options ?? {});
  if (typeof given !== 'object') return undefined;
  const { family = 0, hints = 0, all = false, verbatim, order } = given;
  const number = family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : (family ?? 0);
  const known = [dns.getDefaultResultOrder(), 'verbatim', 'ipv4first', 'ipv6first'];
  const chosen =
    order ?? (isNone(verbatim) ? known[0] : verbatim === true ? 'verbatim' : 'ipv4first');
  const good =
    (number === 0 || number === 4 || number === 6) &&
    (isNone(hints) || (Number.isInteger(hints) && (hints & ~(8 | 16 | 32)) === 0)) &&
    (isNone(all) || typeof all === 'boolean') &&
    (isNone(verbatim) || typeof verbatim === 'boolean') &&
    known.includes(chosen);
  return good ? { family: number, hints: hints ?? 0, all: all === true, order: chosen } : undefined;
}

/** @param {unknown} option */
function isNone(option) {
  return option === undefined || option === null;
}

/** Whether it needs no answer of anybody: an address, or nothing. @param {unknown} name */
function isPlain(name) {
  return typeof name !== 'string' || name === '' || isIP(name) !== 0;
}

/** @param {typeof askHost} ask */
function createLookup(ask) {
  /**
   * @param {string} name @param {any} options
   * @param {(error: Error | null, address?: any, family?: number) => void} callback
   */
  function lookup(name, options, callback) {
    const done = typeof options === 'function' ? options : callback;
    const wanted = readOptions(typeof options === 'function' ? undefined : options);
    if (typeof done !== 'function' || wanted === undefined || isPlain(name))
      return /** @type {any} */ (original.lookup)(name, options, callback);
    // What the callback finds in an AsyncLocalStorage is what its caller had there.
    const resource = new AsyncResource('GETADDRINFOREQWRAP');
    const take = (/** @type {number} */ status, /** @type {string} */ text) => {
      resource.runInAsyncScope(() => {
        if (status !== STATUS.ALLOWED) return done(failureOf(status, text, name));
        const found = addressesOf(text, wanted);
        remember(name, found);
        return wanted.all ? done(null, found) : done(null, found[0].address, found[0].family);
      });
    };
    ask({ name, family: wanted.family, hints: wanted.hints }, (status, text) =>
      // An exception of the callback is its own, and no reason to lose the answers behind it.
      nextTick(take, status, text),
    );
    return {};
  }
  // That util.promisify() gives { address, family }.
  for (const key of Object.getOwnPropertySymbols(original.lookup))
    Object.defineProperty(
      lookup,
      key,
      /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(original.lookup, key)),
    );
  return lookup;
}

/** @param {typeof askHost} ask */
function createPromiseLookup(ask) {
  return function lookup(/** @type {string} */ name, /** @type {any} */ options) {
    const wanted = readOptions(options);
    if (wanted === undefined || isPlain(name)) return original.promise(name, options);
    return new Promise((resolve, reject) => {
      ask({ name, family: wanted.family, hints: wanted.hints }, (status, text) => {
        if (status !== STATUS.ALLOWED) return reject(failureOf(status, text, name));
        const found = addressesOf(text, wanted);
        remember(name, found);
        return resolve(wanted.all ? found : found[0]);
      });
    });
  };
}

// --- in place of Node.js's own -------------------------------------------------------------------

/** @param {unknown} name */
function refusal(name) {
  const why = 'where permissions.network names hosts, only dns.lookup is answered; use it instead';
  return systemError('query', 'EACCES', EACCES, name, why);
}

/** @param {any} owner @param {string[]} names @param {(...args: any[]) => any} put */
function replace(owner, names, put) {
  for (const name of names) if (typeof owner[name] === 'function') owner[name] = put;
}

/** @param {typeof askHost} ask */
function install(ask) {
  const { promises } = dns;
  const refuse = (/** @type {any[]} */ ...args) => {
    const callback = args.at(-1);
    if (typeof callback !== 'function')
      throw new TypeError('The last argument must be a function.');
    nextTick(callback, refusal(args[0]));
  };
  const reject = (/** @type {unknown} */ name) => Promise.reject(refusal(name));
  dns.lookup = /** @type {any} */ (createLookup(ask));
  promises.lookup = /** @type {any} */ (createPromiseLookup(ask));
  replace(dns, [...QUERIES, 'lookupService'], refuse);
  replace(dns.Resolver.prototype, QUERIES, refuse);
  replace(promises, [...QUERIES, 'lookupService'], reject);
  replace(promises.Resolver.prototype, QUERIES, reject);
  syncBuiltinESMExports();
}

/** In the main thread, once the host has sent everything else. */
function installInGuest() {
  inbox = require('./inbox.cjs');
  inbox.listen(TYPE.RESOLVED, takeAnswer, takeLoss);
  process.once('worker', serveWorkers);
  install(askHost);
}

function installInWorker() {
  install(askMainThread());
}

module.exports = { installInGuest, installInWorker };
