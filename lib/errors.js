// SPDX-License-Identifier: MIT
// The results that are no success.

/** @typedef {import('./index.js').SandboxErrorCode} SandboxErrorCode */
/** @typedef {import('./index.js').SandboxError} SandboxError */
/** @typedef {import('./index.js').ExecutionFailure} ExecutionFailure */

/**
 * @param {SandboxErrorCode} code
 * @param {string} message what happened, and how to mend it
 * @param {Record<string, unknown>} [details]
 * @returns {SandboxError}
 */
export function failure(code, message, details) {
  return { code, message, ...(details && { details }) };
}

/**
 * The result of a run that never began.
 *
 * @param {SandboxError} error
 * @param {{ queueMs?: number, startMs?: number }} [spent] until it was clear; undefined when nobody
 *   collects metrics
 * @returns {ExecutionFailure}
 */
export function failed(error, spent) {
  if (!spent) return { ok: false, error, metrics: { timeMs: 0 } };
  const { queueMs = 0, startMs = 0 } = spent;
  const phases = { queueMs, startMs, loadMs: 0, executeMs: 0 };
  return { ok: false, error, metrics: { timeMs: startMs, phases } };
}

/** @param {string} message @param {Record<string, unknown>} [details] */
export const invalid = (message, details) => failure('VALIDATION_ERROR', message, details);

/** @param {unknown} reason what a signal was aborted with */
export function aborted(reason) {
  return failure('ABORTED', `The run was aborted: ${describe(reason)}`, {
    reason: describe(reason),
  });
}

export const disposed = () => failure('DISPOSED', 'The runner was disposed of.');

/**
 * A short text for any value, whatever its getters do.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function describe(value) {
  try {
    const { message } = /** @type {any} */ (value) ?? {};
    return typeof message === 'string' ? message : String(value);
  } catch {
    return `a ${typeof value}`;
  }
}

/** How a limit on what a guest says is counted; the numbers of src/core/charge.h. */
export const HOW_COUNTED =
  'beside the text, a list or an object counts as 64 bytes, a name as 32 and a comma as 16; ' +
  "thrice that with serialization 'advanced'";
