// SPDX-License-Identifier: MIT
// What a handler's uncaught error has to do with the configuration: an EACCES of a guard reaches the
// handler like any other, and says nothing of the key that would have let it through.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { goesByRules } from './confinement.js';
import { isHiddenName } from './hidden.js';
import { isWithin } from './links.js';

/** What the kernel answers with when a guard refuses, and for a file that is not in the view. */
const REFUSED = new Set(['EACCES', 'EPERM', 'EROFS']);
const HIDDEN = new Set(['ENOENT', 'ENOTDIR']);
/** @type {Record<string, number>} */
const ERRNO = os.constants.errno;
/** getaddrinfo(3) without a socket to ask through. */
const UNRESOLVED = new Set(['EAI_AGAIN', 'ENOTFOUND', 'EAI_FAIL', 'EAI_SYSTEM']);

/** Calls of node:fs that change something, by the name that the error has. */
const WRITING =
  /^(?:mkdir|mkdtemp|rmdir|unlink|rename|link|symlink|truncate|ftruncate|write|copyfile|cp|f?l?chmod|f?l?chown|f?l?utimes?|rm)$/;

/**
 * @typedef {object} Run what it may do
 * @property {Readonly<import('./config.js').Config>['permissions']} permissions
 * @property {readonly string[]} grants letters and paths, of the policy and of the run
 * @property {readonly string[]} deny absolute paths
 * @property {string} workdir
 * @property {readonly import('./links.js').Unfollowed[]} [unfollowed] links that were not followed
 * @property {boolean} ownTmp it has a `/tmp` of its own, around what is granted in that directory
 * @property {ReadonlyMap<string, string>} [calls] host functions it was refused, and the capability
 * @property {any} [network] what was tried, as init and the addon tell
 * @property {import('./lookup.js').Names} [names] that were looked up
 */

/**
 * @param {Record<string, unknown>} details of the error, as the guest tells them
 * @param {Run} run
 * @param {string} [message] of the error
 * @returns {{ key: string, why: string } | undefined} the key that would allow it; undefined when it
 *   was no guard
 */
export function explainDenial(details, run, message = '') {
  const { syscall } = details;
  const code = codeOf(details);
  // Of the run's own record: any handler can make an error with that code.
  const [refused] = details.code === 'PERMISSION_DENIED' ? (run.calls ?? []) : [];
  if (refused)
    return {
      key: 'permissions.capabilities',
      why: `'${refused[1]}' is not among the capabilities of the run`,
    };
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND')
    return explainImport(message, run);
  if (typeof code !== 'string' || typeof syscall !== 'string') return undefined;
  if (syscall.startsWith('spawn')) return explainSpawn(code, details, run);
  if (/^(?:connect|send|bind|listen|getaddrinfo|socket|query\w*)$/.test(syscall))
    return explainNetwork(code, syscall, details, run);
  if (syscall === 'kill' && REFUSED.has(code))
    return { key: 'permissions', why: 'a guest may signal nobody but itself' };
  return explainFile(code, syscall, details, run);
}

/** Clients put a code of their own in its place, and leave the number. @param {Record<string, unknown>} details */
function codeOf({ code, errno }) {
  const refused = [...REFUSED].find((name) => errno === -ERRNO[name]);
  return refused ?? code;
}

/** @param {string} message @param {Run} run */
function explainImport(message, { unfollowed = [] }) {
  const [, asked] = /^Cannot find (?:module|package) '([^']{1,4096})'/.exec(message) ?? [];
  // Where the link itself can be seen, without namespaces, Node.js names a file behind it.
  const link = unfollowed.find(
    ({ name, link: at, real }) =>
      asked !== undefined && [name, at, real].some((way) => isWithin(asked, way)),
  );
  return link && { key: 'permissions.filesystem.allow', why: notFollowed(link) };
}

/** @param {import('./links.js').Unfollowed} link */
function notFollowed({ link, real }) {
  return (
    `${link} leads to ${real}, which is neither in the handler's workspace nor in a node_modules, ` +
    'so the link was not followed'
  );
}

/** @param {string} code @param {Record<string, unknown>} details @param {Run} run */
function explainSpawn(code, details, run) {
  if (!REFUSED.has(code) && !HIDDEN.has(code)) return undefined;
  if (!run.permissions.capabilities.includes('process:spawn'))
    return {
      key: 'permissions.capabilities',
      why: "starting a process needs the capability 'process:spawn'",
    };
  return explainFile(code, 'open', details, run);
}

/**
 * @param {string} code
 * @param {string} syscall
 * @param {Record<string, unknown>} details
 * @param {Run} run
 */
function explainNetwork(code, syscall, { address, port, hostname, path: file }, run) {
  if (typeof file === 'string') return undefined;
  if (!REFUSED.has(code) && !UNRESOLVED.has(code)) return undefined;
  const { network, capabilities } = run.permissions;
  const rules = goesByRules(network);
  // A name that does not resolve is no denial where names are resolved.
  if (rules && !REFUSED.has(code)) return undefined;
  const host = hostname ?? address ?? 'the network';
  const where = port === undefined ? String(host) : `${host}:${port}`;
  if (syscall === 'listen' || syscall === 'bind') {
    if (capabilities.includes('net:listen') || !REFUSED.has(code)) return undefined;
    return {
      key: 'permissions.capabilities',
      why: `listening on ${where} needs the capability 'net:listen'`,
    };
  }
  if (network.allow.includes('*') && network.deny.length === 0) return undefined;
  // Of node:dgram alone has an error that name.
  if (syscall === 'send' && !capabilities.includes('net:udp'))
    return {
      key: 'permissions.capabilities',
      why: `sending datagrams to ${where} needs the capability 'net:udp'`,
    };
  const name = typeof address === 'string' ? run.names?.of(address) : undefined;
  const named = name === undefined ? where : `${name} (${where})`;
  if (rules && isDenied(run.network, host, port))
    return {
      key: 'permissions.network.deny',
      why: `${named} is among what permissions.network.deny keeps out`,
    };
  return {
    key: 'permissions.network.allow',
    why: `${named} is not among what permissions.network.allow lets through`,
  };
}

/** @param {any} network @param {unknown} host @param {unknown} port */
function isDenied(network, host, port) {
  const seen = network?.seen ?? [];
  const names = network?.names ?? [];
  return (
    names.some((/** @type {any[]} */ [name, verdict]) => name === host && verdict === 'denied') ||
    seen.some(
      (/** @type {any[]} */ [address, at, verdict]) =>
        address === host && at === port && verdict === 'denied',
    )
  );
}

/**
 * @param {string} code
 * @param {string} syscall
 * @param {Record<string, unknown>} details
 * @param {Run} run
 */
function explainFile(code, syscall, details, run) {
  const { permissions, deny, workdir } = run;
  for (const named of [details.path, details.dest]) {
    if (typeof named !== 'string' || named.includes('\0')) continue;
    const file = path.resolve(workdir, named);
    if (deny.some((denied) => isWithin(file, denied)))
      return { key: 'permissions.filesystem.deny', why: `${file} is denied` };
    const hidden = run.grants.find((grant) => grant[0] === 'h' && isWithin(file, grant.slice(1)));
    if (hidden && (REFUSED.has(code) || HIDDEN.has(code)))
      return { key: 'permissions.filesystem.allow', why: leftOut(file, hidden.slice(1)) };
    const access = accessTo(file, run);
    if (access === 'none' && (REFUSED.has(code) || HIDDEN.has(code))) {
      const link = run.unfollowed?.find(({ real }) => isWithin(file, real));
      return {
        key: 'permissions.filesystem.allow',
        why: link ? notFollowed(link) : `${file} is not among what the run may see`,
      };
    }
    if (access === 'read' && isRefusedWrite(code, syscall, file))
      return permissions.filesystem.readOnly
        ? { key: 'permissions.filesystem.readOnly', why: `${file} may be read only` }
        : { key: 'permissions.filesystem.allow', why: `${file} may be read only` };
  }
  return undefined;
}

/** @param {string} file @param {string} hidden the path that is left out */
function leftOut(file, hidden) {
  return isHiddenName(path.basename(hidden))
    ? `${file} is left out of what a handler sees of its package, since ${path.basename(hidden)} may hold secrets`
    : `${file} is left out of what a handler sees of its package, which is too large to be searched`;
}

/**
 * Whether it was a write, of a file that may be read. Where there are no namespaces the kernel says EACCES
 * for one, as it does for a file whose mode keeps everybody out.
 *
 * @param {string} code
 * @param {string} syscall
 * @param {string} file
 */
function isRefusedWrite(code, syscall, file) {
  if (code === 'EROFS') return true;
  if (!REFUSED.has(code)) return false;
  return WRITING.test(syscall) || (syscall === 'open' && isReadable(file));
}

/** For guests: those of a root are somebody else. What is not there could have been made. @param {string} file */
function isReadable(file) {
  try {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat && process.geteuid?.() === 0) return (stat.mode & 0o004) !== 0;
    if (stat) fs.accessSync(file, fs.constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} file @param {Run} run */
function accessTo(file, { grants, ownTmp }) {
  let access = /** @type {'none' | 'read' | 'write'} */ ('none');
  for (const grant of grants) {
    if (grant[0] === 'h' || !isWithin(file, grant.slice(1))) continue;
    if (/^[wod]/.test(grant)) return 'write';
    access = 'read';
  }
  return access === 'none' && ownTmp && isWithin(file, '/tmp') ? 'write' : access;
}
