// What is run of every case, in the guest and, as the control, outside: see ../README.md.
import child_process from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import escape from './case.js';
import { createTools } from './kit.js';

/**
 * @param {any} input what the host tells, see ../world.js
 * @returns {Promise<{ attempts: import('./kit.js').Attempt[] }>} the evidence
 */
export async function handle(input) {
  allowed(input);
  if (input.spawns) spawnable(input);
  const { tools, attempts } = createTools(input);
  await escape[input.part](tools);
  return { attempts };
}

/** What any guest may do must work, or a denial would say nothing. @param {any} input */
function allowed(input) {
  const file = path.join(input.out, `.allowed-${input.part}`);
  fs.writeFileSync(file, 'yes');
  if (fs.readFileSync(file, 'utf8') !== 'yes') throw new Error('outdir does not hold what it got');
  fs.unlinkSync(file);
  fs.readFileSync(path.join(input.package, 'package.json'), 'utf8');
  fs.closeSync(fs.openSync('/dev/null', 'r+'));
}

/** And a guest that may start programs can start that of its package. @param {any} input */
function spawnable(input) {
  const { error, stdout } = child_process.spawnSync(path.join(input.package, 'probe'), ['ids']);
  if (error) throw error;
  if (!String(stdout).startsWith('ok ')) throw new Error(`probe says ${stdout}`);
}
