// SPDX-License-Identifier: MIT
// What this machine's kernel offers a guard, as the launcher's probe says (src/guards/report.h).
import { execFile, spawnSync } from 'node:child_process';
import { isMainThread } from 'node:worker_threads';

/**
 * @typedef {object} GuardReport
 * @property {'enforced' | 'partial' | 'unavailable'} status
 * @property {string} text what holds, or why it does not
 * @property {string} mend what would help; empty when there is nothing to mend
 */

/** @typedef {'namespaces' | 'landlock' | 'seccomp' | 'broker' | 'cgroup'} GuardName */

/**
 * @typedef {object} Probe
 * @property {Record<GuardName, GuardReport>} guards
 * @property {{ exitCode: number | null, signal: string | null, message: string }} [failure] why the
 *   launcher could not be asked: it is no working program
 */

/** A launcher that takes longer than this for its probe hangs. */
const PATIENCE_MS = 10_000;

/** @type {Map<string, Probe>} by launcher and cgroup: a kernel does not change */
const known = new Map();
/** Launchers that are being asked. @type {Map<string, Promise<void>>} */
const asked = new Map();

/**
 * Nothing is asked of a cgroup that is not used.
 *
 * @param {string} launcher
 * @param {string} cgroup
 */
function questionOf(launcher, cgroup) {
  const place = cgroup === 'off' ? 'auto' : cgroup;
  return { place, key: `${launcher}\0${place}` };
}

/**
 * Asks once for each launcher, cgroup and process; takes a few milliseconds, and forks to see whether
 * what the kernel offers works for this user.
 *
 * @param {string} launcher its path
 * @param {string} [cgroup] execution.cgroup
 * @returns {Probe}
 */
export function probeGuards(launcher, cgroup = 'auto') {
  const { place, key } = questionOf(launcher, cgroup);
  return known.get(key) ?? note(key, ask(launcher, place));
}

/**
 * Asks without keeping the event loop: probeGuards() answers from then on.
 *
 * @param {string} launcher its path
 * @param {string} [cgroup] execution.cgroup
 * @returns {Promise<void> | undefined} undefined: it has been asked
 */
export function askGuards(launcher, cgroup = 'auto') {
  const { place, key } = questionOf(launcher, cgroup);
  if (known.has(key)) return undefined;
  // A thread that ends meanwhile would leave the launcher to nobody, as a zombie; nor is this the host's loop.
  if (!isMainThread) {
    probeGuards(launcher, cgroup);
    return undefined;
  }
  let asking = asked.get(key);
  if (!asking) {
    asking = askLater(launcher, place, key).finally(() => asked.delete(key));
    asked.set(key, asking);
  }
  return asking;
}

/**
 * What failed is asked again: a process that could not be had may be had the next time.
 *
 * @param {string} key
 * @param {Probe} probe
 */
function note(key, probe) {
  if (!probe.failure) known.set(key, probe);
  return probe;
}

/** @param {string} launcher @param {string} place @param {string} key @returns {Promise<void>} */
function askLater(launcher, place, key) {
  return new Promise((resolve) => {
    execFile(launcher, ['probe', place], { env: {}, timeout: PATIENCE_MS }, (error, stdout) => {
      // A status is a number; what is no status is the name of an error.
      const { code, signal } = /** @type {any} */ (error ?? { code: 0, signal: null });
      const status = typeof code === 'number' ? code : null;
      const failed = typeof code === 'string' ? error : undefined;
      if (!known.has(key))
        note(key, read({ status, signal: signal ?? null, stdout, error: failed }));
      resolve();
    });
  });
}

/** @param {string} launcher @param {string} place @returns {Probe} */
function ask(launcher, place) {
  const said = spawnSync(launcher, ['probe', place], {
    encoding: 'utf8',
    env: {},
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: PATIENCE_MS,
  });
  return read(said);
}

/**
 * @param {{ status: number | null, signal: string | null, stdout: string, error?: Error | null }} said
 * @returns {Probe}
 */
function read({ status, signal, stdout, error }) {
  const message = error?.message ?? `it ended with ${signal ?? `status ${status}`}`;
  /** @type {GuardReport} */
  const none = { status: 'unavailable', text: `the launcher does not run: ${message}`, mend: '' };
  const guards = { namespaces: none, landlock: none, seccomp: none, broker: none, cgroup: none };
  if (error || status !== 0)
    return { guards, failure: { exitCode: status, signal, message: none.text } };
  for (const line of stdout.split('\n')) {
    const [name, said, text = '', mend = ''] = line.split('\t');
    // No process could be had to try it, which says nothing of what there is.
    if (said === 'untried')
      return {
        guards,
        failure: { exitCode: 0, signal: null, message: `the guards could not be tried: ${text}` },
      };
    if (Object.hasOwn(guards, name) && isStatus(said))
      guards[/** @type {GuardName} */ (name)] = { status: said, text, mend };
  }
  return { guards };
}

/** @param {string} text @returns {text is GuardReport['status']} */
function isStatus(text) {
  return text === 'enforced' || text === 'partial' || text === 'unavailable';
}
