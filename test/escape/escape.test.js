// Every case of ./cases, twice: as a guest, which must be refused, and as the control, the same
// code in a plain process, which must succeed. See README.md.
//
//   SBX_ESCAPE_VARIANT   default, no-userns, no-landlock or bare (./native/without.c); a list
//   SBX_ESCAPE_STARTUP   spawn, fork or preload; a list
//   SBX_ESCAPE_NODE      the Node.js that the host runs under
//   SBX_ESCAPE_PACKAGE   the directory of the sandbox package that is tested
//   SBX_ESCAPE_ONLY      a regular expression that the names of cases match
import t from 'tap';
import { build, GUARDS, guardsOf, LACKS, loadCases, play } from './suite.js';

const CATEGORIES = [
  'files',
  'metadata',
  'configuration',
  'code',
  'processes',
  'signals',
  'limits',
  'privileges',
  'namespaces',
  'kernel',
  'ipc',
  'network',
  'devices',
  'descriptors',
  'environment',
  'siblings',
];
const variants = (process.env.SBX_ESCAPE_VARIANT ?? 'default').split(',');
const startups = (process.env.SBX_ESCAPE_STARTUP ?? 'spawn').split(',');
/** Of guests, beside that of the controls: each plays some cases at a time. */
const HOSTS = 3;
const only = new RegExp(process.env.SBX_ESCAPE_ONLY ?? '');

// Of the runner too: a busy machine takes a minute for each.
t.setTimeout((startups.length * variants.length + 1) * 100_000);
build('native');
const cases = await loadCases();
const chosen = [...cases.keys()].filter((name) => only.test(name));

t.test('the cases are what the suite says they are', async (t) => {
  t.ok(cases.size >= 130, `${cases.size} cases`);
  for (const [name, escape] of cases) {
    t.ok(typeof escape.title === 'string' && typeof escape.act === 'function', name);
    t.ok(CATEGORIES.includes(escape.category), `${name}: category ${escape.category}`);
    t.ok(
      escape.guards.length > 0 &&
        escape.guards.every((/** @type {string} */ g) => GUARDS.includes(g)),
      `${name}: guards ${escape.guards}`,
    );
  }
  for (const guard of GUARDS) {
    const alone = [...cases.values()].filter((escape) =>
      Object.keys(LACKS).some((variant) => guardsOf(escape, variant).join() === guard),
    );
    t.ok(alone.length > 0, `${guard} alone stops ${alone.length} cases in some variant`);
  }
});

/** By way of starting and variant. What is preloaded needs all guards. */
const ways = startups.flatMap((startup) =>
  variants
    .filter((variant) => startup !== 'preload' || variant === 'default')
    .map((variant) => ({ startup, variant })),
);
/** @type {[label: string, variant: string, Map<string, any>][]} */
const guests = [];
const playing = play('control', 'default', chosen);
const queue = [...ways];
await Promise.all(
  Array.from({ length: HOSTS }, async () => {
    for (let way = queue.shift(); way; way = queue.shift()) {
      const { startup, variant } = way;
      const env = { SBX_ESCAPE_STARTUP: startup };
      const results = await play('guest', variant, chosen, env);
      guests.push([`${startup}, ${variant}`, variant, results]);
    }
  }),
);
const control = await playing;
for (const name of chosen) {
  checkControl(name, control.get(name));
  const absent = control.get(name)?.verdict === 'absent';
  for (const [label, variant, results] of guests)
    checkGuest(name, label, variant, results.get(name), absent);
}
for (const [label, , results] of guests) {
  // All or none: a sandbox that cannot hold its promises here refuses everything.
  const refused = [...results.values()].filter(({ verdict }) => verdict === 'refused');
  if (refused.length > 0)
    t.equal(refused.length, chosen.length, `${label}: what is refused is refused throughout`);
}

/** @param {string} name of the case @param {any} result */
function checkControl(name, result) {
  const { verdict, complete, why, attempts } = result ?? { verdict: 'missing' };
  if (verdict === 'needs root')
    return t.comment(`${name}: the control needs root; the run as root shows it`);
  if (verdict === 'absent') return t.comment(`${name}: this kernel has none of it: ${why}`);
  const fine = verdict === 'escaped' && complete;
  const said = fine ? cases.get(name).title : `${verdict}: ${why}`;
  return t.ok(fine, `${name}: it succeeds outside: ${said}`, { attempts });
}

/**
 * @param {string} name of the case
 * @param {string} label of the guests
 * @param {string} variant
 * @param {any} result
 * @param {boolean} absent whether this kernel does not have what the case tries
 */
function checkGuest(name, label, variant, result, absent) {
  const escape = cases.get(name);
  const { verdict, why, attempts } = result ?? { verdict: 'missing' };
  if (verdict === 'escaped' && escape.openIn?.includes(variant))
    return t.pass(`${name}: ${label}: open, as docs/security.md says: ${why}`);
  // A filter may answer as a kernel would that does not know the call.
  const unknown = verdict === 'absent' && (absent || escape.deny?.includes('ENOSYS'));
  const refused = verdict === 'refused' && variant === 'bare';
  const fine = verdict === 'denied' || unknown || refused;
  const said = fine ? escape.title : `${verdict}: ${why}`;
  return t.ok(fine, `${name}: ${label}: the guest is denied: ${said}`, { attempts });
}
