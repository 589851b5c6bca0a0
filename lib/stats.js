// SPDX-License-Identifier: MIT
// What a runner has done so far, in numbers.
import { createHistogram } from 'node:perf_hooks';
import { toNetwork } from './outcome.js';

/** @typedef {import('./index.js').KillReason} KillReason */
/** @typedef {import('./index.js').DeniedEvent} DeniedEvent */
/** @typedef {import('./index.js').ExecutionResult<any>} Result */

/**
 * What is noted of a run while it goes on; the executors fill it in.
 *
 * @typedef {object} Seen
 * @property {number} queuedAt epoch ms
 * @property {import('./trace.js').Clock} clock
 * @property {number} [admittedAt] when it got its place
 * @property {import('./request.js').Request} [request]
 * @property {import('./trace.js').Trace} [trace]
 * @property {{ pid?: number, startedAt: number, endedAt: number, exitCode: number | null,
 *   signal: string | null, startup: 'spawn' | 'fork' }} [guest] a process of its own
 * @property {KillReason} [killed]
 * @property {{ pausedMs: number, lines: number }} [pressure] for how long its guest was not read from, and how many
 *   of its lines were dropped
 * @property {Omit<DeniedEvent, 'requestId' | 'time'>[]} [denied]
 */

const US_PER_MS = 1000;
/** The longest time that is told apart: a timer's longest, in microseconds. */
const MAX_US = 2 ** 31 * US_PER_MS;

/** Times in milliseconds, exact to one percent in 50 kB, however many there are. */
class Latency {
  #histogram = createHistogram({ lowest: 1, highest: MAX_US, figures: 2 });
  #sum = 0;
  #min = Infinity;
  #max = 0;

  /** @param {number} ms */
  add(ms) {
    const time = Math.max(0, ms);
    this.#histogram.record(Math.min(Math.max(1, Math.round(time * US_PER_MS)), MAX_US));
    this.#sum += time;
    this.#min = Math.min(this.#min, time);
    this.#max = Math.max(this.#max, time);
  }

  /** @returns {import('./index.js').LatencyStats} */
  snapshot() {
    const { count } = this.#histogram;
    if (count === 0) return { count, min: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 };
    // A bucket's highest value may lie beyond the largest one that is in it.
    const at = (/** @type {number} */ percent) =>
      Math.min(this.#histogram.percentile(percent) / US_PER_MS, this.#max);
    return {
      count,
      min: this.#min,
      mean: this.#sum / count,
      p50: at(50),
      p95: at(95),
      p99: at(99),
      max: this.#max,
    };
  }
}

export class Stats {
  #runs = 0;
  #denied = 0;
  #restarts = 0;
  #pressure = { paused: 0, pausedMs: 0, lines: 0 };
  /** Calls that are not over, and whose request was taken. @type {Set<Seen>} */
  #open = new Set();
  /** @type {Map<string, number>} */
  #outcomes = new Map();
  /** @type {Map<string, number>} */
  #kills = new Map();
  #time = new Latency();
  #queue = new Latency();

  /** @param {Seen} seen whose request was taken */
  hold(seen) {
    this.#open.add(seen);
  }

  restarted() {
    this.#restarts++;
  }

  /**
   * @param {Seen} seen of a run that is over
   * @param {Result} result
   */
  settle(seen, result) {
    this.#runs++;
    this.#open.delete(seen);
    count(this.#outcomes, result.ok ? 'OK' : result.error.code);
    if (seen.killed) count(this.#kills, seen.killed);
    this.#denied += seen.denied?.length ?? 0;
    if (seen.pressure) {
      const { pausedMs, lines } = seen.pressure;
      this.#pressure.paused += pausedMs > 0 ? 1 : 0;
      this.#pressure.pausedMs += pausedMs;
      this.#pressure.lines += lines;
    }
    if (seen.admittedAt === undefined) return;
    this.#queue.add(seen.admittedAt - seen.queuedAt);
    this.#time.add(result.metrics.timeMs);
  }

  /**
   * @param {{ waiting: number, running: number }} queue
   * @param {{ guests: number, spares: number, memory(): number }} executor
   * @returns {import('./index.js').RunnerStats}
   */
  snapshot({ waiting, running }, executor) {
    // Characters of inputs that no guest has got yet, which are a byte each unless they are not Latin-1.
    let held = 0;
    for (const { request } of this.#open)
      held += (request?.input.length ?? 0) + (request?.bulk?.length ?? 0);
    return {
      runs: this.#runs,
      outcomes: Object.fromEntries(this.#outcomes),
      kills: Object.fromEntries(this.#kills),
      denied: this.#denied,
      restarts: this.#restarts,
      pressure: { ...this.#pressure },
      queueDepth: waiting,
      running,
      guests: executor.guests,
      spares: executor.spares,
      latency: { run: this.#time.snapshot(), queue: this.#queue.snapshot() },
      hostBytes: held + executor.memory(),
    };
  }
}

/** @param {Map<string, number>} counts @param {string} name */
function count(counts, name) {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/**
 * Why a guest was ended from outside, by the word of its supervisor and of the addon alone.
 *
 * @param {any} outcome
 * @param {import('./errors.js').SandboxError} [ending]
 * @returns {KillReason | undefined}
 */
function killReason({ kind, reason, tooLarge, protocolError }, ending) {
  if (kind === 'launcher-lost') return 'lost';
  if (kind !== 'exit') return undefined;
  if (tooLarge) return 'result';
  if (protocolError) return 'protocol';
  if (reason === 'none') return undefined;
  if (reason !== 'term' && reason !== 'kill') return reason;
  if (ending?.code === 'OUTPUT_LIMIT') return 'output';
  return ending?.code === 'DISPOSED' ? 'disposed' : 'aborted';
}

/**
 * Notes what the addon reports of a run.
 *
 * @param {Seen} seen
 * @param {any} outcome
 * @param {import('./outcome.js').Run & { fork: boolean }} run
 */
export function noteOutcome(seen, outcome, run) {
  const { pid, startedAt, endedAt, exitCode, signal, network } = outcome;
  if (startedAt > 0)
    seen.guest = {
      // A forked one has a PID namespace: its number out here is asked for where it is sampled.
      ...(pid > 0 && { pid }),
      startedAt,
      endedAt,
      exitCode,
      signal,
      startup: run.fork ? 'fork' : 'spawn',
    };
  const { pausedMs = 0, logsDropped = 0, linesMissed = 0 } = outcome;
  const lines = logsDropped + linesMissed;
  if (pausedMs > 0 || lines > 0) seen.pressure = { pausedMs, lines };
  seen.killed = killReason(outcome, run.ending);
  if (network)
    seen.denied = toNetwork(network, run.names)
      .filter(({ allowed }) => !allowed)
      .map(({ name, address, port, count }) => ({
        key: 'permissions.network',
        source: /** @type {const} */ ('supervisor'),
        count,
        ...(name !== undefined && { name }),
        ...(address !== undefined && { address, port }),
      }));
}

/**
 * What a result says was denied. It rests on the error that the guest reports.
 *
 * @param {Seen} seen
 * @param {Result} result
 */
export function noteDenial(seen, { error }) {
  if (error?.code !== 'PERMISSION_DENIED') return;
  const { key, path, address, port, hostname } = /** @type {any} */ (error.details ?? {});
  // The supervisor has told of connections already, where it judges them.
  if (String(key).startsWith('permissions.network') && seen.denied?.length) return;
  seen.denied = [
    ...(seen.denied ?? []),
    {
      key: String(key),
      source: 'guest',
      count: 1,
      ...(typeof path === 'string' && { path }),
      ...(typeof address === 'string' && { address }),
      ...(typeof port === 'number' && { port }),
      ...(typeof hostname === 'string' && { name: hostname }),
    },
  ];
}
