// SPDX-License-Identifier: MIT
// The first module to be evaluated. Guests, their helpers and the addon are files beside this one: where a
// bundler has put this code into a file of its own, nothing of that is there.
import fs from 'node:fs';

const NAME = '@kb-labs/sandbox';

/** @param {string | undefined} url of this module; bundles in CommonJS know none */
export function isAtHome(url) {
  try {
    const { name } = JSON.parse(fs.readFileSync(new URL('../package.json', url), 'utf8'));
    return name === NAME && fs.existsSync(new URL('./guest/start.cjs', url));
  } catch {
    return false;
  }
}

if (!isAtHome(import.meta.url))
  throw new Error(
    `${NAME} was bundled, and does not work so: it starts programs from files of its own. Mark it as ` +
      `external, so that it stays in node_modules (esbuild, Bun: --external:${NAME}; webpack: ` +
      `externals; see docs/configuration.md, "Bundlers").`,
  );
