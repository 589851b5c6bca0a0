// SPDX-License-Identifier: MIT
// Which files a guest may see, as src/guards/view.h takes them: a letter of access, then an absolute
// path. What is named here and does not exist grants nothing.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findLibraries } from './elf.js';
import { realPath } from './foreign.js';
import guestResolve from './guest/resolve.cjs';
import { hiddenIn, isHiddenName } from './hidden.js';
import { isWithin, Links, realOrNull } from './links.js';

const guestDirectory = fileURLToPath(new URL('./guest', import.meta.url));
const ownDescription = fileURLToPath(new URL('../package.json', import.meta.url));

/** Found by tracing Node.js 20, 22, 24 and 26: a start, `os`, `crypto`, `Intl`, workers. */
const RUNTIME = [
  'r/etc/ld.so.cache',
  // The time zone: ICU follows the link to learn the zone's name.
  'r/etc/localtime',
  'r/usr/share/zoneinfo',
  // OpenSSL's configuration, where its builders put it: Node.js does not start when the file is
  // there and cannot be read. The ones beneath are what Fedora's includes.
  'r/etc/ssl/openssl.cnf',
  'r/usr/lib/ssl/openssl.cnf',
  'r/usr/local/ssl/openssl.cnf',
  'r/etc/pki/tls/openssl.cnf',
  'r/etc/pki/tls/openssl.d',
  'r/etc/crypto-policies/back-ends/opensslcnf.config',
  'd/dev/null',
  'd/dev/zero',
  'd/dev/full',
  'd/dev/random',
  'd/dev/urandom',
  // Its own /proc/self comes with the guards: it is another directory for every guest.
  // os.totalmem and freemem; os.cpus; os.uptime; os.loadavg.
  'r/proc/meminfo',
  'r/proc/cpuinfo',
  'r/proc/stat',
  'r/proc/uptime',
  'r/proc/loadavg',
  // How many threads a pool gets (get_nprocs(3)).
  'r/sys/devices/system/cpu/online',
];

/**
 * Libraries of the C library and the compiler that an addon may count on (PEP 600 lists them for
 * Python's), beside those that Node.js has loaded.
 */
const ADDON_LIBRARIES = ['librt.so.1', 'libutil.so.1', 'libresolv.so.2', 'libatomic.so.1'];

/**
 * Flags for a Node.js to which its OpenSSL's configuration is denied: where it is there and cannot be
 * read, it would not start.
 *
 * @param {readonly string[]} deny absolute paths
 */
export function runtimeFlags(deny) {
  const denied = RUNTIME.some(
    (grant) => /openssl/.test(grant) && deny.some((entry) => isWithin(grant.slice(1), entry)),
  );
  return denied ? ['--openssl-config=/dev/null'] : [];
}

/** What getaddrinfo(3) and c-ares read. */
const NAMES = [
  'r/etc/resolv.conf',
  'r/etc/hosts',
  'r/etc/nsswitch.conf',
  'r/etc/host.conf',
  'r/etc/gai.conf',
  'r/etc/services',
  'r/etc/protocols',
];
/** Loaded when the first name is looked up; parts of libc itself since glibc 2.34. */
const NAME_LIBRARIES = ['libnss_files.so.2', 'libnss_dns.so.2'];

/** By options. @type {Map<string, readonly string[]>} */
const runtime = new Map();

/**
 * What Node.js needs before a line of the handler runs, and what its own modules read later.
 *
 * @param {{ names?: 'none' | 'asked' | 'answered', advanced?: boolean, execPath?: string }} [options] `names` of hosts:
 *   'asked' of the host's name servers by the guest itself, or 'answered' by the run's stub resolver;
 *   `advanced`: it needs the codec of that serialization
 * @returns {readonly string[]} the same list every time
 */
export function runtimeGrants({
  names = 'none',
  advanced = false,
  execPath = process.execPath,
} = {}) {
  const key = `${names} ${advanced} ${execPath}`;
  const known = runtime.get(key);
  if (known) return known;
  const { interpreter, libraries } = findLibraries(execPath, [
    ...ADDON_LIBRARIES,
    ...(names === 'none' ? [] : NAME_LIBRARIES),
  ]);
  const grants = Object.freeze([
    `x${execPath}`,
    // The kernel opens the loader itself, to execute it; a library is only mapped.
    ...(interpreter === undefined ? [] : [`x${interpreter}`]),
    ...libraries.map((file) => `r${file}`),
    ...builtinFiles().map((file) => `r${file}`),
    `r${guestDirectory}`,
    // What Node.js looks at before a module of that directory: see Links.grantDescription().
    `r${ownDescription}`,
    ...RUNTIME,
    ...(names === 'asked' ? NAMES : []),
    ...(advanced ? guestPackages().map((dir) => `r${dir}`) : []),
  ]);
  runtime.set(key, grants);
  return grants;
}

/** What modules of the guest's directory import: a decoder, with `serialization: 'advanced'`. */
function guestPackages() {
  for (let at = guestDirectory; at !== '/'; at = path.dirname(at)) {
    const dir = path.join(at, 'node_modules/devalue');
    if (realOrNull(dir) !== null) return [dir];
  }
  return [];
}

/** What distributions build Node.js to read at run time: some of its own modules, ICU's data. */
function builtinFiles() {
  const { variables, target_defaults: defaults } = /** @type {any} */ (process.config);
  /** @type {string[]} */
  const files = [];
  for (const define of defaults?.defines ?? []) {
    const [, file] = /^NODE_SHARED_BUILTIN_\w+_PATH="?(\/[^"]+)/.exec(define) ?? [];
    if (file) files.push(file);
  }
  const data = variables?.icu_default_data;
  if (typeof data === 'string' && path.isAbsolute(data)) files.push(data);
  return files;
}

// --- the handler's package -----------------------------------------------------------------------

/** @typedef {ReturnType<Links['result']> & { hidden?: ReturnType<typeof hiddenIn> }} Known */

/**
 * @typedef {object} HandlerView
 * @property {readonly string[]} grants and what is left out of them
 * @property {string} [home] the handler's package, where nobody has said which it is
 * @property {readonly import('./links.js').Unfollowed[]} unfollowed
 */

/** By handler's file and plugin root. @type {Map<string, Known>} */
const packages = new Map();
const MAX_PACKAGES = 1_000;
/** What is being looked for, by the same. @type {Map<string, Promise<Known>>} */
const searches = new Map();

/**
 * What a handler is made of: its package, and every `node_modules` that it can resolve from. A
 * handler that is not found grants nothing of that: the guest looks again, and says so.
 *
 * What is beneath `writable` is the guests' to replace by symbolic links between two runs, so that
 * nothing which is found through it is granted.
 *
 * @param {object} request
 * @param {string} request.file of the handler, absolute or relative to `pluginRoot ?? workdir`
 * @param {string} [request.found] where that is, when it has been looked for
 * @param {string} request.workdir absolute
 * @param {string} [request.pluginRoot] where the handler's own code ends
 * @param {string} [request.outdir] to be written to, when it exists
 * @param {readonly string[]} [request.writable] absolute paths of `permissions.filesystem.allow`,
 *   unless they are read-only
 * @param {readonly string[]} [request.allow] all of them: nothing in them is left out
 * @param {readonly string[]} [request.also] absolute paths of other files that the run needs
 * @returns {HandlerView | Promise<HandlerView>} a promise where the package has to be looked at, which
 *   other threads do
 */
export function handlerView(request) {
  const {
    file,
    found,
    workdir,
    pluginRoot,
    outdir,
    writable = [],
    allow = [],
    also = [],
  } = request;
  const root = path.resolve(workdir, pluginRoot ?? '');
  const out = outdir === undefined ? undefined : path.resolve(workdir, outdir);
  const output = out === undefined || isWithinAny(out, writable) ? [] : [`o${out}`];
  const nothing = { grants: output, unfollowed: [] };
  let asked;
  try {
    asked = found ?? guestResolve.resolveHandlerFile(file, root);
  } catch {
    return nothing;
  }
  const real = realOrNull(asked);
  if (real === null) return nothing;
  const guests = writable.concat(output.map((grant) => grant.slice(1)));
  // A guest starts in its workdir wherever that is.
  const needed = workdir.split('/').some(isHiddenName) ? [...also, workdir] : also;
  const plugin = pluginRoot === undefined ? undefined : root;
  const key = JSON.stringify([asked, real, plugin ?? null, guests, allow, needed]);
  const viewOf = (/** @type {Known} */ { grants, unfollowed, hidden, written }) => ({
    home: plugin === undefined ? written[0] : undefined,
    grants: [...grants, ...(hidden?.grants ?? []), ...output],
    unfollowed,
  });
  const known = packages.get(key);
  if (known?.isFresh()) {
    const looking = known.hidden?.refresh();
    return looking ? looking.then(() => viewOf(known)) : viewOf(known);
  }
  let search = searches.get(key);
  if (!search) {
    const trees = [...allow, ...output.map((grant) => grant.slice(1))];
    search = findPackage(asked, real, plugin, guests)
      .then(async (links) =>
        remember(key, { ...links, hidden: await hide(links, real, needed, trees) }),
      )
      .finally(() => searches.delete(key));
    searches.set(key, search);
  }
  return search.then(async (made) => {
    await made.hidden?.refresh();
    return viewOf(made);
  });
}

/**
 * What is left out of a handler's packages. Nothing is where all files are allowed.
 *
 * @param {ReturnType<Links['result']>} links
 * @param {string} real the handler's file
 * @param {readonly string[]} also other files that the run needs
 * @param {readonly string[]} trees what it may see whatever it is
 */
async function hide({ written }, real, also, trees) {
  if (trees.includes('/') || written.length === 0) return undefined;
  const runtimePaths = runtimeGrants().map((grant) => grant.slice(1));
  const realOf = async (/** @type {string} */ at) => (await realPath(at)) ?? at;
  return hiddenIn(written, {
    files: [real, ...(await Promise.all([...also, ...runtimePaths].map(realOf)))],
    trees: await Promise.all(trees.map(realOf)),
  });
}

/** @param {string} key @param {Known} found */
function remember(key, found) {
  packages.delete(key);
  packages.set(key, found);
  if (packages.size > MAX_PACKAGES) packages.delete([...packages.keys()][0]);
  return found;
}

/** @param {string} child @param {readonly string[]} parents */
function isWithinAny(child, parents) {
  return parents.some((parent) => isWithin(child, parent));
}

/**
 * @param {string} asked the handler's file as it was named
 * @param {string} real the same without symbolic links
 * @param {string | undefined} pluginRoot absolute
 * @param {readonly string[]} guests what guests may have changed
 * @returns {Promise<Known>}
 */
async function findPackage(asked, real, pluginRoot, guests) {
  const root = pluginRoot === undefined ? null : await realPath(pluginRoot);
  const links = await Links.create(root, guests);
  if (asked !== real && links.isGuests(asked)) return links.result();
  // The names by which the guest comes here, where symbolic links are on the way.
  if (
    pluginRoot !== undefined &&
    root !== null &&
    !links.isBroad(root) &&
    !links.isGuests(pluginRoot)
  ) {
    links.grant(pluginRoot);
    await links.addPackage(root);
    await links.grantDescription(root);
  }
  const dir = path.dirname(real);
  const home = await links.packageOf(dir, root !== null && isWithin(dir, root) ? root : '/');
  if (home !== null && !links.isBroad(home)) await links.addPackage(home);
  else if (!links.isBroad(dir)) links.addDirectory(dir);
  await links.grantDescription(dir);
  links.grant(asked);
  links.grant(real);
  await links.addModulesAbove(dir);
  await links.follow(home ?? dir);
  return links.result();
}

// --- permissions.filesystem ----------------------------------------------------------------------

/**
 * `permissions.filesystem` in the terms of the guards. Relative paths are relative to the working
 * directory of the host as it is now.
 *
 * @param {{ readonly allow: readonly string[], readonly deny: readonly string[], readOnly: boolean }} filesystem
 * @returns {{ grants: string[], deny: string[], all: boolean, writable: string[], ownTmp: boolean }}
 *   `all`: everything is allowed but what is denied; `writable`: what of it may be changed; `ownTmp`:
 *   nothing is said of `/tmp`, so that a guest may have one of its own
 * @throws {TypeError} with `code` VALIDATION_ERROR and `issues`, as parseConfig() does
 */
export function configGrants({ allow, deny, readOnly }) {
  const issues = [...checkPaths('allow', allow), ...checkPaths('deny', deny)];
  if (issues.length > 0) {
    const lines = issues.map((issue) => `  ${issue.path} ${issue.message}`);
    const error = new TypeError(`The sandbox configuration is not valid:\n${lines.join('\n')}`);
    throw Object.assign(error, { code: 'VALIDATION_ERROR', issues });
  }
  const letter = readOnly ? 'r' : 'w';
  const resolved = new Set(allow.map((entry) => (entry === '*' ? '/' : path.resolve(entry))));
  const all = resolved.has('/');
  const denied = [...new Set(deny.map((entry) => path.resolve(entry)))];
  return {
    grants: (all ? ['/'] : [...resolved]).map((entry) => letter + entry),
    deny: denied,
    all,
    writable: readOnly ? [] : [...resolved],
    ownTmp: !all && !resolved.has('/tmp') && !denied.some((entry) => isWithin('/tmp', entry)),
  };
}

/**
 * What looks like a path and would not be the one that was meant. A `deny` that matches nothing is
 * worse than an error.
 *
 * @param {'allow' | 'deny'} list
 * @param {readonly string[]} entries
 */
function checkPaths(list, entries) {
  return entries.flatMap((entry, index) => {
    const message = problemOf(list, entry);
    return message === undefined
      ? []
      : [{ path: `permissions.filesystem.${list}.${index}`, message }];
  });
}

/** @param {'allow' | 'deny'} list @param {string} entry */
function problemOf(list, entry) {
  if (entry.includes('\0')) return 'must not contain a NUL character';
  if (/^~(?:\/|$)/.test(entry)) return "must be a path: '~' is not expanded, os.homedir() names it";
  if (entry.startsWith('file:')) return 'must be a path, not a URL';
  if (list === 'allow' && entry === '*') return undefined;
  if (entry.includes('*')) return "must be a path: it holds for all beneath, and '*' is no pattern";
  if (list === 'deny' && path.resolve(entry) === '/')
    return 'must leave something: nothing is allowed but what permissions.filesystem.allow lists';
  return undefined;
}
