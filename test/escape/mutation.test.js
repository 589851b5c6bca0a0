// Every guard is needed: a launcher that leaves it out lets through what it alone stops, and nothing
// else. And a launcher that leaves it out is found out by its own self-test. See mutants/Makefile.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { build, guardsOf, loadCases, play, root } from './suite.js';

/**
 * Where a guard is removed. What Landlock and the mount namespace both stop is stopped until the
 * other one is missing too.
 */
const REMOVED = [
  ['landlock', 'no-userns'],
  ['seccomp', 'default'],
  ['namespaces', 'default'],
  ['namespaces', 'no-landlock'],
  ['privileges', 'default'],
  ['rlimits', 'default'],
  ['descriptors', 'default'],
];
/** Fewer would not show that the guard is needed. */
const LEAST = 3;

/**
 * A launcher that has rules for connections and no filter to hand these over runs nothing at all.
 *
 * @param {string} guard
 * @param {string} name of a case
 */
const isRefused = (guard, name) => guard === 'seccomp' && name.startsWith('network-rules-');

if (process.getuid?.() === 0)
  throw new Error("root's guests are kept from files of others by ordinary permissions as well");
t.setTimeout(400_000);
build('native');
build('mutants');
const cases = await loadCases();

/**
 * This package with another launcher.
 *
 * @param {string} mutant
 * @returns {string} its directory
 */
function packageWith(mutant) {
  const dir = path.join(root, 'build', 'mutants', mutant);
  const release = path.join(dir, 'build', 'Release');
  for (const part of ['lib', 'node_modules', 'build'])
    fs.rmSync(path.join(dir, part), { recursive: true, force: true });
  fs.mkdirSync(release, { recursive: true });
  fs.cpSync(path.join(root, 'lib'), path.join(dir, 'lib'), { recursive: true });
  fs.copyFileSync(path.join(root, 'package.json'), path.join(dir, 'package.json'));
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(dir, 'node_modules'));
  fs.copyFileSync(path.join(dir, 'launcher'), path.join(release, 'launcher'));
  fs.copyFileSync(
    path.join(root, 'build', 'Release', 'sandbox.node'),
    path.join(release, 'sandbox.node'),
  );
  return dir;
}

for (const guard of new Set(REMOVED.map(([guard]) => guard))) packageWith(guard);

for (const [guard, variant] of REMOVED)
  t.test(`without ${guard}, ${variant}`, async (t) => {
    const named = [...cases.keys()].filter(
      (name) =>
        guardsOf(cases.get(name), variant).includes(guard) &&
        !cases.get(name).refusedIn?.includes(variant) &&
        !isRefused(guard, name),
    );
    const alone = named.filter((name) => guardsOf(cases.get(name), variant).length === 1);
    const results = await play('guest', variant, named, {
      SBX_ESCAPE_PACKAGE: path.join(root, 'build', 'mutants', guard),
    });
    t.ok(alone.length >= LEAST, `${alone.length} cases are stopped by ${guard} alone`);
    for (const name of named) {
      const { verdict, why, attempts = [] } = results.get(name) ?? { verdict: 'missing' };
      // The other guards have words of their own for it, which the case does not list.
      const refused = attempts.length > 0 && attempts.every(({ ok }) => !ok);
      const stopped = verdict === 'denied' || (verdict !== 'escaped' && refused);
      if (alone.includes(name)) t.equal(verdict, 'escaped', `${name} escapes`, { why });
      else t.ok(stopped, `${name} is still stopped`, { verdict, why });
    }
  });

for (const guard of ['landlock', 'seccomp', 'namespaces'])
  t.test(`without ${guard}, the self-test refuses to go on`, async (t) => {
    const lib = pathToFileURL(path.join(packageWith(`${guard}-tested`), 'lib', 'index.js')).href;
    const { createSandboxRunner } = await import(lib);
    const workdir = t.testdir({ 'handler.js': 'export const handle = () => 1;' });
    const context = { requestId: 'mutation', workdir };
    const handler = { file: './handler.js', export: 'handle' };
    const strict = createSandboxRunner();
    const { ok, error } = await strict.run(handler, null, context);
    await strict.dispose();
    t.notOk(ok);
    t.equal(error?.code, 'ISOLATION_UNAVAILABLE');
    t.match(error?.message, `self-test: the guard '${guard}' is in place and did not refuse`);
    const lenient = createSandboxRunner({ isolation: 'best-effort' });
    t.match(await lenient.run(handler, null, context), { ok: true, data: 1 });
    await lenient.dispose();
  });
