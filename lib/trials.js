// SPDX-License-Identifier: MIT
// Runs of this package's own, behind those of its users: whether guests can be forked, and what V8 makes
// of the modules that each guest gets.
import { fileURLToPath } from 'node:url';
import { COMPILE } from './program.js';
import { NOTHING } from './startup.js';
import { MAX_TIMER_MS } from './timers.js';

const guestRoot = fileURLToPath(new URL('./guest', import.meta.url));
/** A zygote that has not forked by then hangs. Nobody waits for it, and a busy machine takes its time. */
const FORK_PATIENCE_MS = 20_000;

/** @typedef {() => void} End */

export class Trials {
  #config;
  #terms;
  #launchers;
  #startups;
  #runs;
  /** How many are under way. */
  running = 0;

  /**
   * @param {Readonly<import('./config.js').Config>} config
   * @param {import('./terms.js').Terms} terms
   * @param {import('./launchers.js').Launchers} launchers
   * @param {import('./startups.js').Startups} startups
   * @param {{ enter(end: End): void, leave(end: End): void }} runs what is told of those under way
   */
  constructor(config, terms, launchers, startups, runs) {
    this.#config = config;
    this.#terms = terms;
    this.#launchers = launchers;
    this.#startups = startups;
    this.#runs = runs;
  }

  /**
   * Behind the first run, under 'auto': starts the zygote and has it fork a guest that does nothing.
   * Until it has, and where it cannot, runs are spawned. With execution.preload, each set of paths has a
   * zygote of its own, and the guest says what it has loaded.
   *
   * @param {import('./binding.js').Binding} binding
   * @param {import('./request.js').Request} request
   * @param {import('./startups.js').PlannedRun} run
   */
  fork(binding, request, run) {
    const { place, forkGrants = [] } = run;
    const { zygote } = binding;
    if (!this.#startups.beginTrial(run, this.#terms.startup, zygote)) return;
    const patienceMs = FORK_PATIENCE_MS + (place ? this.#config.execution.preloadTimeoutMs : 0);
    const started = this.#start(binding, run.launcher, {
      options: {
        maxResultBytes: NOTHING.maxResultBytes,
        workdir: place ? request.workdir : '/',
        grants: forkGrants,
        fork: true,
        request: encode({ ...NOTHING, root: guestRoot, timeoutMs: FORK_PATIENCE_MS }),
      },
      patienceMs,
      onDone: (outcome, ended) => this.#startups.endTrial(run, outcome, ended, zygote),
    });
    if (!started) this.#startups.endTrial(run, undefined, false, zygote);
  }

  /**
   * Behind the second run that was spawned: has a guest that runs nothing else send what V8 made of
   * our modules, for the guests after it.
   *
   * @param {import('./binding.js').Binding} binding
   * @param {import('./launchers.js').Launcher} launcher
   */
  compile(binding, launcher) {
    const { program } = this.#terms;
    if (!program.isDue || launcher.retired) return;
    program.compiled = 'trying';
    const started = this.#start(binding, launcher, {
      options: {
        maxResultBytes: COMPILE.maxResultBytes,
        fork: false,
        program: program.take(),
        request: encode({ ...COMPILE, root: guestRoot, timeoutMs: 0 }),
      },
      patienceMs: MAX_TIMER_MS,
      onDone: ({ reason, result }) => program.complete(reason === 'none' ? result : null),
    });
    if (!started) program.compiled = 'no';
  }

  /**
   * @param {import('./binding.js').Binding} binding
   * @param {import('./launchers.js').Launcher} launcher
   * @param {object} trial
   * @param {object} trial.options
   * @param {number} trial.patienceMs
   * @param {(outcome: any, ended: boolean) => void} trial.onDone whether it was ended with the runner
   * @returns {boolean} false: the launcher is closed, and there will be another
   */
  #start(binding, launcher, { options, patienceMs, onDone }) {
    let ended = false;
    const kill = () => binding.addon.endRun(handle, true);
    const end = () => {
      ended = true;
      kill();
    };
    /** @type {any} */
    let handle;
    try {
      handle = this.#launchers.start(binding, launcher, {
        ...this.#terms.ownOptions(),
        ...options,
        onDone: (/** @type {any} */ outcome) => {
          clearTimeout(patience);
          this.running--;
          onDone(outcome, ended);
          this.#runs.leave(end);
          this.#launchers.leave(launcher);
        },
      });
    } catch {
      return false;
    }
    const patience = setTimeout(kill, Math.min(patienceMs, MAX_TIMER_MS));
    patience.unref();
    this.running++;
    this.#runs.enter(end);
    return true;
  }
}

/** @param {object} request */
function encode(request) {
  return Buffer.from(JSON.stringify(request));
}
