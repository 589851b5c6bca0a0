// SPDX-License-Identifier: MIT
// How this package is compiled: in a clone by `npm run build`, at a consumer's by
// `kb-sandbox build`. Both leave `sandbox.node` and `launcher` in build/Release.
import fs from 'node:fs';
import path from 'node:path';

/**
 * The headers that came with the Node.js that runs this, or null. They are the right ones by
 * definition, and using them saves node-gyp a download from a machine that may not be reachable.
 *
 * @param {string} [execPath]
 * @returns {string | null} what node-gyp calls `nodedir`
 */
export function findNodeDir(execPath = process.execPath) {
  const prefix = path.resolve(fs.realpathSync(execPath), '..', '..');
  const include = path.join(prefix, 'include', 'node');
  const complete = ['node_api.h', 'uv.h', 'common.gypi'].every((name) =>
    fs.existsSync(path.join(include, name)),
  );
  return complete ? prefix : null;
}

/**
 * Makes `root` ready for node-gyp: a published package has no binding.gyp, see src/sandbox.gypi.
 *
 * @param {string} root the package's directory
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string[]} what to call node-gyp with, in `root`
 */
export function prepareBuild(root, env = process.env) {
  const gypFile = path.join(root, 'binding.gyp');
  if (!fs.existsSync(gypFile))
    fs.writeFileSync(gypFile, "{ 'includes': [ 'src/sandbox.gypi' ] }\n");
  const makefile = path.join(root, 'build', 'Makefile');
  const settings = path.join(root, 'src', 'sandbox.gypi');
  const fresh = modifiedAt(makefile) > modifiedAt(settings);
  const args = [fresh ? 'build' : 'rebuild', '--jobs=max', '--loglevel=warn'];
  const nodeDir = findNodeDir();
  if (nodeDir && !env.npm_config_nodedir) args.push(`--nodedir=${nodeDir}`);
  return args;
}

/** @param {string} file */
function modifiedAt(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
