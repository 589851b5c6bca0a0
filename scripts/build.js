// SPDX-License-Identifier: MIT
// `npm run build`, and what `npm install` does in a clone: compiles what has changed.
// SBX_WERROR=1 turns warnings into errors.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { prepareBuild } from '../lib/build.js';

const root = fileURLToPath(new URL('..', import.meta.url));

if (process.platform !== 'linux') {
  console.warn(
    `kb-sandbox: nothing to build on ${process.platform}; only inprocess mode works here`,
  );
  process.exit(0);
}
const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
const { status, error } = spawnSync(process.execPath, [nodeGyp, ...prepareBuild(root)], {
  cwd: root,
  // The standard output of `npm pack`, which runs this too, is its result.
  stdio: ['ignore', 2, 2],
});
if (error) throw error;
process.exit(status ?? 1);
