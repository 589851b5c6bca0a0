// SPDX-License-Identifier: MIT
// What becomes of a run's log lines: their format, and where they go live. All text is a guest's:
// bounded where it was read, and free of what would steer a terminal or forge a line, but for the
// format 'text', which is what was printed.
import guestLog from './guest/log.cjs';
import { wallTime } from './trace.js';

/** @typedef {import('./index.js').LogEntry} LogEntry */
/** @typedef {[timeMs: number, level: number, text: string]} Row as the addon gives it */
/** @typedef {(entry: LogEntry, requestId: string) => void} Destination */

export const LEVELS = /** @type {const} */ (['debug', 'info', 'warn', 'error']);
/** Lines that are remembered for a run that crashes. */
const MAX_NEWEST = 64;
/** Fields deeper than this are a stack overflow for somebody. */
const MAX_DEPTH = 8;

// Control characters, line separators, and what changes the direction of text.
// eslint-disable-next-line no-control-regex -- these are meant
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** @param {string} character */
const escape = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** @param {string} text on one line, harmless to a terminal */
export const clean = (text) => text.replace(UNSAFE, escape);

/** @param {unknown} value JSON that is harmless to a terminal, and still the same JSON */
const toJson = (value) => clean(JSON.stringify(value));

/**
 * Fields as they came of JSON.parse: bounded in depth, and without the name that steers objects.
 *
 * @param {any} value
 * @param {number} depth
 * @returns {any}
 */
function checkFields(value, depth = 0) {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => checkFields(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== '__proto__')
      .map(([name, item]) => [name, checkFields(item, depth + 1)]),
  );
}

/**
 * @param {Row} row
 * @returns {LogEntry}
 */
function toEntry([time, level, text]) {
  const entry = { time, level: LEVELS[level], message: text };
  if (!text.startsWith(guestLog.RECORD)) return entry;
  try {
    const { m: message, f: fields } = JSON.parse(text.slice(1));
    if (typeof message !== 'string' || typeof fields !== 'object' || Array.isArray(fields))
      return entry;
    return { ...entry, message, ...(fields && { fields: checkFields(fields) }) };
  } catch {
    return entry; // Printed by the handler itself.
  }
}

/** @param {number} time epoch ms */
function toIso(time) {
  try {
    return new Date(time).toISOString();
  } catch {
    return new Date(0).toISOString();
  }
}

/** @type {Record<'text' | 'timed' | 'json', (entry: LogEntry) => string>} */
const formats = {
  text: ({ message, fields }) => (fields ? `${message} ${JSON.stringify(fields)}` : message),
  timed: ({ time, level, message, fields }) =>
    `${toIso(time)} ${level.padEnd(5)} ${clean(message)}${fields ? ` ${toJson(fields)}` : ''}`,
  json: ({ time, level, message, fields }) => toJson({ time: toIso(time), level, message, fields }),
};

/**
 * What `monitoring.logger` is given as becomes a function, which hides it from what freezes the
 * configuration. Its own failures are told once and hurt no run.
 *
 * @param {any} logger with the four levels, or a stream
 * @returns {Destination}
 */
export function toDestination(logger) {
  const write = isLogger(logger) ? toLogger(logger) : toStream(logger);
  let warned = false;
  return (entry, requestId) => {
    try {
      write(entry, requestId);
    } catch (error) {
      if (!warned)
        process.emitWarning(`monitoring.logger failed: ${/** @type {any} */ (error)?.message}`, {
          type: 'SandboxWarning',
        });
      warned = true;
    }
  };
}

/** @param {any} logger */
const isLogger = (logger) => LEVELS.every((level) => typeof logger?.[level] === 'function');

/** @param {unknown} logger */
export const isDestination = (logger) =>
  isLogger(logger) || typeof (/** @type {any} */ (logger)?.write) === 'function';

/**
 * As pino is called: what to merge, then the message. The guest chooses no name outside of `fields`.
 *
 * @param {any} logger
 * @returns {Destination}
 */
function toLogger(logger) {
  return ({ time, level, message, fields }, requestId) =>
    logger[level]({ requestId, loggedAt: time, ...(fields && { fields }) }, clean(message));
}

/**
 * A line of JSON each. While a stream is full, lines are counted and not kept: a guest prints faster
 * than most disks write.
 *
 * @param {any} stream
 * @returns {Destination}
 */
function toStream(stream) {
  let full = false;
  let dropped = 0;
  const put = (/** @type {object} */ line) => {
    if (stream.write(`${toJson(line)}\n`) !== false || typeof stream.once !== 'function') return;
    full = true;
    stream.once('drain', () => {
      full = false;
      if (dropped === 0) return;
      const message = `${dropped} lines were dropped: the stream was full.`;
      dropped = 0;
      put({ time: toIso(wallTime()), level: 'warn', message });
    });
  };
  return ({ time, level, message, fields }, requestId) => {
    if (full || stream.writableNeedDrain === true) dropped++;
    else put({ time: toIso(time), level, requestId, message, fields });
  };
}

/** The lines of one run. */
export class Logs {
  #format;
  #onLog;
  #destination;
  #requestId;

  /**
   * @param {Readonly<import('./config.js').Config>['monitoring']} monitoring
   * @param {{ onLog?: import('./request.js').Request['onLog'], fields: any }} request
   */
  constructor({ logFormat, logger }, { onLog, fields }) {
    this.#format = logFormat;
    this.#onLog = onLog;
    this.#destination = logger;
    this.#requestId = fields.requestId;
  }

  /** Whether somebody wants them as they come. */
  get live() {
    return this.#onLog !== undefined || this.#destination !== undefined;
  }

  /** Whether fields are told apart from messages, and lines are rows. */
  get structured() {
    return this.#format !== 'text' || this.live;
  }

  /** The newest rows that nobody but `tell` was given. @type {Row[]} */
  #newest = [];

  /**
   * The newest lines, without levels and fields.
   *
   * @param {Row[] | string[] | undefined} lines of the outcome
   * @returns {string[]}
   */
  newest(lines) {
    const rows = lines?.length ? lines.slice(-MAX_NEWEST) : this.#newest;
    return rows.map((row) => (typeof row === 'string' ? row : toEntry(row).message));
  }

  /** @param {Row[]} rows that have come just now */
  tell(rows) {
    this.#newest = (rows.length < MAX_NEWEST ? [...this.#newest, ...rows] : rows).slice(
      -MAX_NEWEST,
    );
    for (const row of rows) {
      const entry = toEntry(row);
      this.#destination?.(entry, this.#requestId);
      if (this.#onLog) this.#call(this.#onLog, entry);
    }
  }

  /**
   * A callback that throws is the caller's mistake, and no reason to lose the run: it becomes an
   * uncaught exception, as in an event listener.
   *
   * @param {NonNullable<import('./request.js').Request['onLog']>} onLog
   * @param {LogEntry} entry
   */
  #call(onLog, entry) {
    for (const line of this.#lines(entry)) {
      try {
        onLog(line, entry.level, entry);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** @param {LogEntry} entry */
  #lines(entry) {
    const line = formats[this.#format](entry);
    return this.#format === 'text' ? line.split('\n') : [line];
  }

  /**
   * @param {Row[] | string[]} lines rows where they are structured
   * @returns {string[]} for the result
   */
  list(lines) {
    if (!this.structured) return /** @type {string[]} */ (lines);
    return /** @type {Row[]} */ (lines).flatMap((row) => this.#lines(toEntry(row)));
  }
}
