'use strict';
// From a handler reference to a function: which file, loaded how, which of its exports.

const fs = require('node:fs');
const Module = /** @type {any} */ (require('node:module'));
const path = require('node:path');
const { HandlerNotFound, bound } = require('./errors.cjs');

const EXTENSIONS = ['', '.js', '.mjs', '.cjs'];
const MAX_LISTED = 100;

const { realpathSync } = fs;
const { _load: load, _resolveFilename: resolveFilename } = Module;

const { getPrototypeOf } = Object;
const ownKeys = Object.keys;
const { hasOwn } = Object;
/** @type {(fn: Function, self: unknown) => any} */
const bind = Function.prototype.call.bind(Function.prototype.bind);
const ObjectPrototype = Object.prototype;
const FunctionPrototype = Function.prototype;

/**
 * The absolute path of a handler's file: as given, then with `.js`, `.mjs`, `.cjs`, then, for a
 * relative one, the same under `dist/`.
 * @param {string} file a path, or a `file:` URL @param {string} root what it is relative to
 */
function resolveHandlerFile(file, root) {
  const given = file.startsWith('file:') ? pathOfUrl(file) : file;
  const bases = [path.resolve(root, given)];
  if (!path.isAbsolute(given)) bases.push(path.resolve(root, 'dist', given));
  const tried = [];
  /** @type {string | undefined} */
  let reason;
  for (const base of bases) {
    for (const extension of EXTENSIONS) {
      const candidate = base + extension;
      const problem = problemOf(candidate);
      if (problem === null) return candidate;
      tried.push(candidate);
      if (problem !== 'absent') reason ??= `${candidate} ${problem}`;
    }
  }
  throw new HandlerNotFound(
    `The handler's file '${bound(file, 1024)}' was not found${reason === undefined ? '' : `: ${reason}`}.`,
    { file, root, tried },
  );
}

/** @param {string} url */
function pathOfUrl(url) {
  try {
    return require('node:url').fileURLToPath(url);
  } catch (error) {
    const why = /** @type {Error} */ (error).message;
    throw new HandlerNotFound(`The handler's file '${bound(url, 1024)}' is no file URL: ${why}.`, {
      file: url,
      tried: [],
    });
  }
}

/**
 * Why a path cannot be a handler's file; null when it can.
 * @param {string} candidate
 */
function problemOf(candidate) {
  try {
    const stat = fs.statSync(candidate, { throwIfNoEntry: false });
    if (stat === undefined) return 'absent';
    if (stat.isDirectory()) return 'is a directory';
    return stat.isFile() ? null : 'is not a regular file';
  } catch (error) {
    return `cannot be read (${/** @type {NodeJS.ErrnoException} */ (error).code})`;
  }
}

/**
 * The handler's file of a request. The host has looked for it, and in the guest it is where it was found
 * unless it has gone since then, or cannot be seen.
 * @param {{ found?: string | null, file: string, root: string }} request
 * @returns {{ file: string, real: string }} absolute; `real`: without symbolic links
 */
function locateHandlerFile({ found, file: asked, root }) {
  if (typeof found === 'string') {
    try {
      return { file: found, real: realpathSync.native(found) };
    } catch {
      // Why not is said below.
    }
  }
  const file = resolveHandlerFile(asked, root);
  return { file, real: realpathSync.native(file) };
}

/**
 * What require() does with a file that was found, without looking for it: that takes as long as all
 * the rest. Whoever has changed how modules are found, with execution.preload, is asked as ever.
 * @param {string} file absolute @param {string} real the same without symbolic links
 */
function requireFile(file, real) {
  const { _cache: cache, _load, _resolveFilename } = Module;
  if (cache[real] !== undefined || _load !== load || _resolveFilename !== resolveFilename)
    return require(file);
  // With a parent, it is not the main module.
  const made = (cache[real] = new Module(real, process.mainModule));
  try {
    made.load(real);
  } finally {
    if (!made.loaded) delete cache[real];
  }
  return made.exports;
}

/**
 * Loads a handler's file. `require` where Node can, for ES modules too: `import()` costs up to 8 ms
 * more for the start of its loader.
 * @param {{ file: string, real: string }} located by locateHandlerFile()
 * @returns {{ namespace?: any, pending?: Promise<any> }} what the module exports, or a promise for it
 * (not one of the two: a module may export a function named `then`)
 */
function loadHandlerFile({ file, real }) {
  const extension = path.extname(file);
  if (extension === '.cjs') return { namespace: requireFile(file, real) };
  // Node.js 20.19 and 22.12 are the first that can require an ES module.
  const features = /** @type {{ require_module?: boolean }} */ (process.features);
  const known = extension === '.js' || extension === '.mjs';
  if (!known || features.require_module !== true) return { pending: importFile(file) };
  try {
    return { namespace: requireFile(file, real) };
  } catch (error) {
    // Thrown before anything of the graph was evaluated.
    if (!isAsyncModule(error)) throw error;
  }
  return { pending: importFile(file) };
}

/** @param {any} error */
function isAsyncModule(error) {
  try {
    return error.code === 'ERR_REQUIRE_ASYNC_MODULE';
  } catch {
    return false;
  }
}

/** @param {string} file */
function importFile(file) {
  const { href } = require('node:url').pathToFileURL(file);
  return require('./import.cjs').importModule(href);
}

/**
 * Whether `target` has `key`, of its own or by a class, and not merely as every object has.
 * @param {any} target @param {string} key
 */
function has(target, key) {
  if ((typeof target !== 'object' || target === null) && typeof target !== 'function') return false;
  for (
    let at = target;
    at !== null && at !== ObjectPrototype && at !== FunctionPrototype;
    at = getPrototypeOf(at)
  ) {
    if (hasOwn(at, key)) return true;
  }
  return false;
}

/**
 * The export `name` of a module: a named one, then a member of what it exports as a whole (a
 * `default` export, or `module.exports`), which is `default` itself.
 * @param {any} namespace what import() or require() gave @param {string} name
 * @returns {(...args: any[]) => any}
 */
function pickExport(namespace, name) {
  const whole = has(namespace, 'default') ? namespace.default : namespace;
  for (const owner of [namespace, whole]) {
    if (!has(owner, name)) continue;
    const value = owner[name];
    if (typeof value === 'function') return bind(value, owner);
    // A transpiled module's `exports.default` is a member of its module.exports.
    if (name !== 'default' || owner === whole || !has(value, name)) {
      throw notCallable(namespace, name, value);
    }
  }
  if (name === 'default' && typeof whole === 'function') return bind(whole, undefined);
  throw new HandlerNotFound(
    `The handler's file has no export '${bound(name, 1024)}'; it has: ${namesOf(namespace, whole).join(', ') || 'none'}.`,
    { export: name, exports: namesOf(namespace, whole) },
  );
}

/** @param {any} namespace @param {string} name @param {unknown} value */
function notCallable(namespace, name, value) {
  const type = value === null ? 'null' : typeof value;
  const whole = has(namespace, 'default') ? namespace.default : namespace;
  return new HandlerNotFound(
    `The export '${bound(name, 1024)}' of the handler's file is not a function but ${type}.`,
    { export: name, type, exports: namesOf(namespace, whole) },
  );
}

/** @param {any} namespace @param {any} whole */
function namesOf(namespace, whole) {
  const names = new Set();
  for (const owner of [namespace, whole]) {
    const isOpen = typeof owner === 'function' || (typeof owner === 'object' && owner !== null);
    for (const name of isOpen ? ownKeys(owner) : []) {
      if (name !== '__esModule' && name !== 'module.exports') names.add(bound(name, 256));
    }
  }
  if (typeof whole === 'function') names.add('default');
  return [...names].slice(0, MAX_LISTED);
}

module.exports = {
  importFile,
  loadHandlerFile,
  locateHandlerFile,
  pickExport,
  resolveHandlerFile,
};
