'use strict';
// The clocks that Node.js starts with its process, in a forked guest: they begin with the guest.

const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf } = Object;
const { apply } = Reflect;
const { performance, process } = globalThis;

/** @param {object} target @param {string} name @param {object} field */
function replace(target, name, field) {
  const original = getOwnPropertyDescriptor(target, name);
  defineProperty(target, name, { ...original, ...field });
}

/**
 * Puts clocks in place that can be started anew.
 * @returns {() => void} what does so
 */
function replaceClocks() {
  let born = 0;
  const { timeOrigin } = performance;
  const prototype = getPrototypeOf(performance);
  const { now, mark, measure } = prototype;
  const since = () => apply(now, performance, []) - born;
  replace(prototype, 'now', { value: since });
  replace(prototype, 'timeOrigin', { get: () => timeOrigin + born });
  // Both ask the clock themselves for what they are not told.
  replace(prototype, 'mark', {
    value(/** @type {string} */ name, /** @type {any} */ options) {
      return apply(mark, this, [name, { ...options, startTime: options?.startTime ?? since() }]);
    },
  });
  replace(prototype, 'measure', {
    value(/** @type {string} */ name, /** @type {any} */ start, /** @type {any} */ end) {
      if (typeof start === 'object' && start !== null) {
        const open = start.end === undefined && start.duration === undefined;
        return apply(measure, this, [name, open ? { ...start, end: since() } : start, end]);
      }
      return apply(measure, this, [name, { start: start ?? 0, end: end ?? since() }]);
    },
  });
  process.uptime = () => since() / 1e3;
  return () => {
    born = apply(now, performance, []);
  };
}

module.exports = { replaceClocks };
