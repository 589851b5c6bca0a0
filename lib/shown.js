// SPDX-License-Identifier: MIT
// What runs have shown of this machine. The probe tries its guards one by one; only a run puts all of
// them together, with the files and the Node.js that there are.

/** By the stage of src/core/err.h, the layer of the report that failed. @type {Record<string, string>} */
const LAYERS = {
  namespaces: 'namespaces',
  view: 'filesystem',
  privileges: 'privileges',
  landlock: 'landlock',
  seccomp: 'seccomp',
  rlimits: 'limits',
  exec: 'process',
  fork: 'process',
};

/** @typedef {{ stage: string | undefined, message: string }} Failure */

export class Shown {
  /** By how the guest was to start: what its last run failed for, before there was a guest. */
  #failures = /** @type {Map<'spawn' | 'fork', Failure>} */ (new Map());

  /**
   * @param {any} outcome
   * @param {{ ok: boolean, error?: import('./errors.js').SandboxError }} result
   * @param {boolean} fork
   */
  note({ kind, stage, reason }, { error }, fork) {
    const startup = fork ? 'fork' : 'spawn';
    const details = /** @type {any} */ (error?.details);
    // What the caller asked for says nothing of the machine, nor does an end that it wanted.
    if (error && kind !== 'exit' && stage !== 'workdir' && stage !== 'preload') {
      if (error.code !== 'ABORTED')
        this.#failures.set(startup, {
          stage: stage ?? details?.launcher?.stage,
          message: error.message,
        });
    } else if (error && details?.phase === 'boot') {
      this.#failures.set(startup, { stage: 'exec', message: error.message });
    } else if (reason === 'none') {
      this.#failures.delete(startup);
    }
  }

  /**
   * A report that was made from the parts, by what the whole has shown.
   *
   * @param {import('./index.js').IsolationReport} report
   * @returns {import('./index.js').IsolationReport}
   */
  correct(report) {
    const said = [...this.#failures].map(([startup, { stage, message }]) => ({
      layer: LAYERS[stage ?? ''] ?? 'process',
      why: `a run was tried (startup '${startup}'), and failed: ${message}`,
    }));
    if (said.length === 0) return report;
    const layers = report.layers.map((layer) => {
      const failed = said.find((one) => one.layer === layer.name);
      return failed
        ? { ...layer, status: /** @type {const} */ ('unavailable'), detail: failed.why }
        : layer;
    });
    return { ...report, layers, broken: [...report.broken, ...said.map(({ why }) => why)] };
  }
}
