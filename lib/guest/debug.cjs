'use strict';
// What a guest does when it is to be debugged: a profile of its handler, a heap snapshot when it nears
// its limit, a report when it fails, a debugger. Loaded on request only. The files go to the outdir
// of the run, with the guest's rights.

const fs = require('node:fs');
const path = require('node:path');

const { rmSync, writeFileSync } = fs;
const { stringify } = JSON;
const { round, max } = Math;

const MAX_SAMPLES = 200_000;
const MIN_INTERVAL_US = 1000;

/**
 * @typedef {object} Request
 * @property {'inspect' | 'profile' | null} level
 * @property {string | null} outdir absolute
 * @property {string} tag of the files' names
 */

/**
 * @typedef {object} Debugging
 * @property {(error: unknown) => void} onFailure
 * @property {() => void} onEnd before the process is left
 */

/**
 * @param {Request} request
 * @param {string} file of the handler, absolute
 * @param {number} timeoutMs
 * @returns {Promise<Debugging>}
 */
async function begin({ level, outdir, tag }, file, timeoutMs) {
  const report = outdir === null ? undefined : startReports(outdir, tag);
  const stop =
    level === 'profile' && outdir !== null
      ? startProfile(path.join(outdir, `profile-${tag}.cpuprofile`), timeoutMs)
      : undefined;
  const leave =
    level === 'inspect' ? await require('./inspect.cjs').waitForDebugger(file) : undefined;
  return {
    onFailure: (error) => report?.(error),
    onEnd: () => {
      stop?.();
      leave?.();
    },
  };
}

/** @param {string} outdir @param {string} tag */
function startReports(outdir, tag) {
  const report = /** @type {any} */ (process.report);
  const write = report.writeReport.bind(report);
  report.directory = outdir;
  report.filename = `report-${tag}.json`;
  report.reportOnFatalError = true;
  // Addresses and names of the peers of its sockets, which take a look-up to be told.
  report.excludeNetwork = true;
  const quietly = (/** @type {unknown} */ error) => {
    try {
      write(error instanceof Error ? error : new Error(String(error)));
    } catch {
      // The directory is gone, or full.
    }
  };
  const host = /** @type {any} */ (process);
  const { abort } = host;
  host.abort = () => {
    quietly(new Error('process.abort() was called'));
    abort.call(process);
  };
  return quietly;
}

/**
 * @param {string} file
 * @param {number} timeoutMs what the number of samples is bounded by
 * @returns {() => void} writes it, once
 */
function startProfile(file, timeoutMs) {
  const { Session } = require('node:inspector');
  const session = new Session();
  const post = session.post.bind(session);
  session.connect();
  const interval = max(MIN_INTERVAL_US, round((timeoutMs * 1000) / MAX_SAMPLES));
  post('Profiler.enable');
  post('Profiler.setSamplingInterval', { interval });
  post('Profiler.start');
  let done = false;
  const stop = () => {
    if (done) return;
    done = true;
    post('Profiler.stop', (/** @type {Error | null} */ error, /** @type {any} */ result) => {
      if (error === null) writeWhole(file, stringify(result.profile));
    });
  };
  process.once('exit', stop);
  // At the deadline, as long as the handler lets the event loop turn.
  process.once('SIGTERM', () => {
    stop();
    if (process.listenerCount('SIGTERM') === 0) process.kill(process.pid, 'SIGTERM');
  });
  return stop;
}

/** All of it or nothing. @param {string} file @param {string} text */
function writeWhole(file, text) {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (error) {
    const why = /** @type {NodeJS.ErrnoException} */ (error).code;
    process.stderr.write(`The profile could not be written (${why}).\n`);
    if (why !== 'EEXIST') rmSync(file, { force: true });
  }
}

module.exports = { begin };
