// What the tests of the zygote share.
import fs from 'node:fs';
import { probeGuards } from '../../lib/probe.js';
import { loadBinding } from '../../lib/binding.js';
import { isAlive, sandbox } from '../run/helper.js';

/** SBX_TEST_PRELOAD is the path of a module that all of these runners preload. */
export const preloaded = process.env.SBX_TEST_PRELOAD;
delete process.env.SBX_TEST_PRELOAD; // As SBX_TEST_STARTUP.

/** A runner whose guests are forked. @param {any} t @param {any} [config] */
export function forking(t, config = {}) {
  const execution = { ...(preloaded && { preload: [preloaded] }), ...config.execution };
  return sandbox(t, { startup: 'fork', ...config, execution });
}

/** Whether guests get namespaces of their own on this machine. */
export function hasNamespaces() {
  const { binding } = loadBinding();
  return (
    binding !== undefined && probeGuards(binding.launcher).guards.namespaces.status === 'enforced'
  );
}

/** @param {string | number} pid */
export function parentOf(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** The zygotes below this process, which are those whose parent is none. */
export function zygotes() {
  const all = fs.readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && isZygote(pid) && isAlive(pid) && isOurs(pid);
    } catch {
      return false; // It ended in between.
    }
  });
  return all.filter((pid) => {
    try {
      return !isZygote(parentOf(pid));
    } catch {
      return false;
    }
  });
}

/** Guests have the command line of their zygote. @param {string | number} pid */
function isZygote(pid) {
  return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('/guest/zygote.cjs');
}

/** @param {string | number} pid */
function isOurs(pid) {
  for (let at = Number(pid); at > 1; at = parentOf(at)) if (at === process.pid) return true;
  return false;
}
