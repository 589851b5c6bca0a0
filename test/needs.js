// What a test needs of the machine, decided by the launcher's probe and never by the test's own failure.
// What is not there is a skip that says why. With SBX_MUST_WORK=1, as in CI, it is a failure, unless
// SBX_MACHINE says that this machine is one which lacks it.
import child_process from 'node:child_process';
import { loadBinding } from '../lib/binding.js';
import { probeGuards } from '../lib/probe.js';

/** What a machine is known to lack. @type {Record<string, string[]>} */
const LACKS = {
  // Docker's default profile, a chroot: no new namespaces.
  container: ['namespaces', 'mounts'],
};

/** What one run of the suite may lack, since another one has it. */
const OF_THE_SETUP = ['root', 'glibc'];

const { SBX_MUST_WORK: must, SBX_MACHINE: machine = '' } = process.env;
if (machine && !Object.hasOwn(LACKS, machine))
  throw new Error(`SBX_MACHINE=${machine} is none of ${Object.keys(LACKS).join(', ')}`);

/** @param {string} name */
function hasProgram(name) {
  return child_process.spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

const glibc = /** @type {any} */ (process.report.getReport()).header.glibcVersionRuntime;

/** Whether there is one, and why there is none. @type {Record<string, () => string>} */
const WHY = {
  namespaces: () => missing('namespaces'),
  landlock: () => missing('landlock'),
  broker: () => missing('broker'),
  // Of the user, not of the machine: CI runs all of it as root and as an ordinary user.
  root: () => (process.getuid?.() === 0 ? '' : 'only root can do this'),
  glibc: () => (glibc ? '' : 'this Node.js has another C library'),
  mounts: () => {
    const { status, stderr } = child_process.spawnSync('unshare', ['-m', 'true']);
    return status === 0 ? '' : `no mount namespace can be made: ${stderr}`;
  },
};

/** @param {import('../lib/probe.js').GuardName} name */
function missing(name) {
  const { binding, problem } = loadBinding();
  if (!binding) throw new Error(problem);
  const { status, text } = probeGuards(binding.launcher).guards[name];
  return status === 'unavailable' ? `no ${name} here: ${text}` : '';
}

/**
 * Whether the test can go on. Otherwise it has been skipped, or has failed.
 *
 * @param {any} t
 * @param {...string} what names of the list above, or `program:NAME`
 */
export function needs(t, ...what) {
  for (const name of what) {
    const program = name.startsWith('program:') ? name.slice(8) : undefined;
    const why = program ? (hasProgram(program) ? '' : `${program} is not installed`) : WHY[name]();
    if (!why) continue;
    lacks(t, name, why);
    return false;
  }
  return true;
}

/**
 * What a test finds lacking by itself, where no probe could know it.
 *
 * @param {any} t
 * @param {string} name
 * @param {string} why
 */
export function lacks(t, name, why) {
  const excused = OF_THE_SETUP.includes(name) || LACKS[machine]?.includes(name);
  if (must === '1' && !excused) t.fail(`this machine must show it: ${why}`);
  else t.skip(why);
}
