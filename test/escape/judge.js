// What an outcome means.
//
//   escaped   something that must not succeed did; `complete` when all of it did
//   denied    everything was refused, with an errno that fits, and nothing was obtained or changed
//   refused   the sandbox did not run it at all, for want of guards
//   absent    it was answered as by a kernel that does not have what the case tries
//   broken    none of them: the case has not shown anything
const DENIED = ['EACCES', 'EPERM', 'ENOENT', 'EROFS'];

/**
 * @typedef {object} Judgement
 * @property {'escaped' | 'denied' | 'refused' | 'absent' | 'broken' | 'needs root'} verdict
 * @property {boolean} [complete]
 * @property {string} why
 * @property {any[]} attempts
 */

/**
 * @param {any} escape
 * @param {import('./world.js').World} world
 * @param {import('./host.js').Outcome} outcome
 * @returns {Promise<Judgement>}
 */
export async function judge(escape, world, outcome) {
  const attempts = outcome.evidence?.attempts ?? [];
  const harm = await harmOf(escape, world, attempts);
  const reached = (/** @type {any} */ a) => a.ok || escape.reached?.includes(a.code);
  // Some cases do what is allowed, and are judged by what comes of it alone.
  const through = escape.proof === 'harm' ? [] : attempts.filter(reached);
  if (harm.length > 0 || through.length > 0) {
    const complete =
      escape.proof === 'harm' ||
      (through.length === attempts.length && (escape.proof === 'call' || harm.length > 0));
    const why = [...harm, ...through.map((a) => `${a.what}: ${a.ok ? a.value : a.code}`)];
    return { verdict: 'escaped', complete, why: why.join('; ').slice(0, 500), attempts };
  }
  if (outcome.code === 'ISOLATION_UNAVAILABLE')
    return { verdict: 'refused', why: String(outcome.why), attempts };
  const accepted = escape.deny ?? DENIED;
  if (!outcome.evidence) {
    const killed = accepted.includes(outcome.code);
    const absent = escape.absent?.includes(outcome.code);
    const verdict = absent ? 'absent' : killed ? 'denied' : 'broken';
    return { verdict, why: `${outcome.code} ${outcome.why}`, attempts };
  }
  const why = attempts.map((a) => `${a.what}: ${a.code ?? a.value} ${a.message ?? ''}`).join('; ');
  if (escape.proof === 'harm') return { verdict: 'denied', why, attempts };
  if (attempts.length === 0) return { verdict: 'broken', why: 'nothing was tried', attempts };
  const all = (/** @type {string[]} */ codes) => attempts.every((a) => codes.includes(a.code));
  if (escape.absent && all(escape.absent)) return { verdict: 'absent', why, attempts };
  return { verdict: all(accepted) ? 'denied' : 'broken', why, attempts };
}

/**
 * What the case has obtained or changed, whatever it says itself.
 *
 * @param {any} escape
 * @param {import('./world.js').World} world
 * @param {any[]} attempts
 * @returns {Promise<string[]>}
 */
async function harmOf(escape, world, attempts) {
  const harm = await world.damage();
  if (JSON.stringify(attempts).includes(world.secret)) harm.push('it has the secret');
  const more = await escape.harm?.(world, attempts);
  if (more) harm.push(String(more));
  return harm;
}
