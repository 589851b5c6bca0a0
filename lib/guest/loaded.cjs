'use strict';
// What a zygote has loaded that is foreign, by execution.preload; and what tells the host of it, which
// looks whether one of these files has changed.

const fs = require('node:fs');
const path = require('node:path');
const { fileURLToPath } = require('node:url');
const { importFile, loadHandlerFile, locateHandlerFile } = require('./resolve.cjs');

const MAX_FILES = 2000;
const MAX_REASON = 160;

/** @param {string} name of a module @param {string} root what it is relative to */
async function load(name, root) {
  if (!/^(?:\.{0,2}\/|file:)/.test(name)) return importFrom(root, name);
  const loaded = loadHandlerFile(locateHandlerFile({ file: name, root }));
  return loaded.pending === undefined ? loaded.namespace : await loaded.pending;
}

/**
 * As a module in `root` would import it.
 * @param {string} root @param {string} name
 */
function importFrom(root, name) {
  const { Script, constants } = require('node:vm');
  const loader = /** @type {any} */ (constants)?.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  if (loader === undefined)
    return importFile(require('node:module').createRequire(path.join(root, '_')).resolve(name));
  const script = new Script('(name) => import(name)', {
    filename: path.join(root, 'execution.preload'),
    importModuleDynamically: loader,
  });
  return script.runInThisContext()(name);
}

/** @param {any} namespace */
function warmupOf(namespace) {
  for (const owner of [namespace, namespace?.default]) {
    if (typeof owner?.warmup === 'function') return owner.warmup.bind(owner);
  }
  return undefined;
}

/**
 * The files of all modules that are there, ES modules and CommonJS. In a guest: the inspector leaves
 * behind what every guest forked after it would have to copy.
 */
function findFiles() {
  const found = new Set(Object.keys(require.cache));
  try {
    const { Session } = require('node:inspector');
    const session = new Session();
    session.connect();
    session.on('Debugger.scriptParsed', ({ params: { url } }) => {
      if (url.startsWith('file:')) found.add(fileURLToPath(url));
      else if (path.isAbsolute(url)) found.add(url);
    });
    session.post('Debugger.enable');
    session.post('Debugger.disable');
    session.disconnect();
  } catch {
    // A Node.js without an inspector: of the ES modules only those that were named are known.
  }
  const own = __dirname + path.sep;
  return [...found].filter((file) => !file.startsWith(own) && fs.existsSync(file));
}

/** @param {any} error */
function reasonOf(error) {
  try {
    return String(error?.stack ?? error)
      .replace(/\s+/g, ' ')
      .slice(0, MAX_REASON);
  } catch {
    return 'an error that cannot be read';
  }
}

/**
 * @param {any} native the zygote's module
 * @param {string} root @param {string[]} names
 */
async function preload(native, root, names) {
  let at = '';
  const fail = (/** @type {unknown} */ why) => native.fail(`execution.preload '${at}': ${why}`);
  const onError = (/** @type {unknown} */ error) => fail(reasonOf(error));
  const onExit = (/** @type {number} */ code) =>
    fail(`the process ended with exit code ${code} before everything was loaded`);
  process.prependListener('uncaughtException', onError);
  process.prependListener('exit', onExit);
  try {
    for (const name of names) {
      at = name.slice(-60);
      await warmupOf(await load(name, root))?.();
    }
  } catch (error) {
    onError(error);
  }
  process.removeListener('uncaughtException', onError);
  process.removeListener('exit', onExit);
}

module.exports = { handle: () => findFiles().slice(0, MAX_FILES), preload };
