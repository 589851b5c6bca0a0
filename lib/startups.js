// SPDX-License-Identifier: MIT
// Which start-up each run of a runner gets, and what earlier runs say of it.
import { CpuHistory } from './learning.js';
import { Places, modulePaths, moduleViews, zygoteGrants } from './preload.js';
import { canFork, noteForks, trialFailure } from './startup.js';
import { handlerView } from './view.js';

/** @typedef {import('./request.js').Request} Request */
/** @typedef {import('./view.js').HandlerView} HandlerView */

/**
 * @typedef {object} Plan
 * @property {boolean} fork
 * @property {boolean} [long] it is spawned since its handler computes for long
 * @property {string[]} grants
 * @property {readonly import('./links.js').Unfollowed[]} unfollowed
 * @property {import('./preload.js').Place} [place] with execution.preload, unless it is spawned anyway
 * @property {string[]} [forkGrants] those of a fork there
 * @property {import('./errors.js').SandboxError} [failure] why it need not be tried
 */

/** @typedef {import('./outcome.js').Run & Plan} PlannedRun */

export class Startups {
  #names;
  #writable;
  #allow;
  #places;
  #history = new CpuHistory();
  /** Why what is preloaded could not be. @type {string | undefined} */
  trouble;

  /**
   * @param {readonly string[]} names execution.preload
   * @param {{ grants: readonly string[], writable: readonly string[] }} files of permissions.filesystem
   */
  constructor(names, { grants, writable }) {
    this.#names = names;
    this.#writable = writable;
    this.#allow = grants.map((grant) => grant.slice(1));
    this.#places = new Places(names);
  }

  /** Whether a file that was preloaded has changed: a promise where files are looked at. */
  outdated() {
    return this.#places.changed();
  }

  /** What was loaded is loaded anew. */
  renew() {
    this.#places = new Places(this.#names);
    this.trouble = undefined;
  }

  /**
   * Which files a run may see, with those that are preloaded.
   *
   * @param {Request} request
   * @returns {HandlerView | Promise<HandlerView>} a promise where they have to be looked for
   */
  viewOf(request) {
    const { file, found, workdir, pluginRoot, outdir, root } = request;
    const writable = this.#writable;
    const allow = this.#allow;
    const also = modulePaths(this.#names, root);
    const own = handlerView({ file, found, workdir, pluginRoot, outdir, writable, allow, also });
    if (this.#names.length === 0) return own;
    // What is left out of one package may be another's.
    const all = outdir === undefined ? allow : [...allow, outdir];
    const files = { writable, allow: all, also: [...also, ...(found ? [found] : [])] };
    const views = [own, ...moduleViews(this.#names, request, files)];
    return views.some((view) => view instanceof Promise)
      ? Promise.all(views).then(joinViews)
      : joinViews(/** @type {HandlerView[]} */ (views));
  }

  /**
   * @param {Request} request
   * @param {HandlerView} view
   * @param {'auto' | 'spawn' | 'fork' | undefined} startup
   * @param {boolean} forks the launcher's guests have been seen to
   * @param {string} zygote the path of its module
   * @returns {Plan}
   */
  plan(request, view, startup, forks, zygote) {
    const { workdir, root } = request;
    const { unfollowed } = view;
    const grants = [...view.grants];
    if (this.#names.length === 0) {
      const long = startup === 'auto' && this.#history.isLong(handlerKey(request));
      const fork = startup === 'fork' || (startup === 'auto' && forks && !long);
      return { fork, long, grants, unfollowed };
    }
    if (startup === 'spawn') return { fork: false, grants, unfollowed };
    const forkGrants = [...grants, ...zygoteGrants(this.#names, root, zygote)];
    const place = this.#places.at(workdir, forkGrants);
    place.seen++;
    const fork = startup === 'fork' || place.forks === 'yes';
    const failure = fork ? this.#places.failureOf(place, root) : undefined;
    return { fork, grants: fork ? forkGrants : grants, unfollowed, place, forkGrants, failure };
  }

  /**
   * What a run says of those to come.
   *
   * @param {Request} request
   * @param {PlannedRun} run
   * @param {any} outcome
   * @param {{ ok: boolean, error?: any }} result
   * @param {string} zygote
   */
  learn(request, run, outcome, result, zygote) {
    const { usage } = outcome;
    if (usage) this.#history.note(handlerKey(request), (usage.userUs + usage.systemUs) / 1000);
    if (!run.fork) return;
    if (outcome.kind === 'exit' && outcome.reason === 'none') noteForks(zygote, true);
    if (outcome.stage !== 'preload' || !run.place) return;
    this.trouble = result.error.message;
    run.place.forks = 'no';
    this.#places.fail(run.place, result.error, request.root);
  }

  /**
   * Whether a guest is to be forked on trial behind this run; notes that it is.
   *
   * @param {PlannedRun} run
   * @param {'auto' | 'spawn' | 'fork' | undefined} startup
   * @param {string} zygote
   */
  beginTrial({ launcher, place, fork }, startup, zygote) {
    const state = place ?? launcher;
    const wanted = place ? fork || this.#places.pays(place) : startup === 'auto';
    if (!wanted || launcher.retired || state.forks !== 'untried') return false;
    state.forks = canFork(zygote) === false && startup === 'auto' ? 'no' : 'trying';
    return state.forks === 'trying';
  }

  /**
   * @param {PlannedRun} run
   * @param {any} outcome of the trial; undefined when it could not begin
   * @param {boolean} ended by the host, for reasons of its own
   * @param {string} zygote
   */
  endTrial({ launcher, place, forkGrants = [] }, outcome, ended, zygote) {
    const state = place ?? launcher;
    const why = outcome && trialFailure(outcome);
    state.forks = !outcome ? 'untried' : why ? 'no' : 'yes';
    // What is preloaded says nothing of the build when it fails.
    if (outcome && !ended && (!place || !why)) noteForks(zygote, !why, why);
    if (place && why && !ended) this.trouble = `what is preloaded could not be forked: ${why}`;
    if (place && outcome && !why) void this.#places.learn(place, outcome.result, forkGrants);
  }
}

/** @param {HandlerView[]} views @returns {HandlerView} */
function joinViews(views) {
  return {
    home: views[0].home,
    grants: [...new Set(views.flatMap(({ grants }) => grants))],
    unfollowed: views.flatMap(({ unfollowed }) => unfollowed),
  };
}

/**
 * Its file, wherever it is asked for from: a handler that is given by its path may have a working directory
 * for each run.
 *
 * @param {Request} request
 */
function handlerKey({ root, file, found, export: name }) {
  return `${found ?? `${root}\0${file}`}\0${name}`;
}
