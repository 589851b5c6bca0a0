// Machines that lack something: what `kb-sandbox doctor` and isolation() say of one is what a run does
// there, spawned and forked.
import child_process from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import t from 'tap';
import { build } from '../escape/suite.js';
import { needs } from '../needs.js';
import { project } from '../run/helper.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cli = path.join(root, 'lib', 'cli.js');
const index = pathToFileURL(path.join(root, 'lib', 'index.js')).href;
const without = path.join(root, 'build', 'escape', 'without');
build('native');

/** @param {string} script of sh, which executes its arguments */
const inMounts = (script) => ['unshare', '-m', 'sh', '-c', `${script}; exec "$@"`, 'sh'];

/** Runs the same handler three times: spawned, forked, and as isolation() sees it. @param {string} dir */
const program = (dir) => `
  import { createSandboxRunner } from '${index}';
  const said = {};
  for (const startup of ['spawn', 'fork']) {
    const runner = createSandboxRunner({ startup });
    const { ok, data, error } = await runner.run({ file: 'h.mjs', export: 'handle' }, 20,
      { requestId: 'r', workdir: ${JSON.stringify(dir)} });
    said[startup] = { ok, data, error, broken: runner.isolation().broken };
    await runner.dispose();
  }
  console.log(JSON.stringify(said));`;

/**
 * @param {any} t
 * @param {string[]} prefix of the command
 * @returns {{ status: number, said: any, runs: any }}
 */
function look(t, prefix) {
  const dir = project(t, { 'h.mjs': 'export const handle = (x) => x + 1;' });
  fs.chmodSync(dir, 0o755);
  const run = (/** @type {string[]} */ ...args) => {
    const [file, ...rest] = [...prefix, process.execPath, ...args];
    return child_process.spawnSync(file, rest, { encoding: 'utf8', cwd: root });
  };
  const doctor = run(cli, 'doctor', '--json');
  if (!doctor.stdout) throw new Error(doctor.stderr);
  const runs = run('--input-type=module', '-e', program(dir));
  if (!runs.stdout) throw new Error(runs.stderr);
  return {
    status: Number(doctor.status),
    said: JSON.parse(doctor.stdout),
    runs: JSON.parse(runs.stdout),
  };
}

/** @param {any} said @param {string} name */
const layerOf = (said, name) => said.layers.find((/** @type {any} */ layer) => layer.name === name);

/** @param {any} t @param {ReturnType<typeof look>} seen */
function works(t, { status, said, runs }) {
  t.equal(status, 0, 'doctor says that it does');
  t.match(said.runs, [
    { startup: 'spawn', ok: true },
    { startup: 'fork', ok: true },
  ]);
  t.match(runs, {
    spawn: { ok: true, data: 21, broken: [] },
    fork: { ok: true, data: 21, broken: [] },
  });
}

t.test('Linux 5.11: no mount_setattr(2)', async (t) => {
  if (!needs(t, 'namespaces')) return;
  const seen = look(t, [without, 'no-mount-setattr']);
  works(t, seen);
  t.equal(layerOf(seen.said, 'namespaces').status, 'active');
});

t.test('a profile that refuses sethostname(2) alone takes no namespaces away', async (t) => {
  if (!needs(t, 'namespaces')) return;
  const seen = look(t, [without, 'no-sethostname']);
  works(t, seen);
  t.match(layerOf(seen.said, 'namespaces'), { status: 'partial', detail: /see the host's name/ });
});

t.test('no user namespaces', async (t) => {
  const seen = look(t, [without, 'no-userns']);
  works(t, seen);
  t.equal(layerOf(seen.said, 'namespaces').status, 'unavailable');
});

t.test('root without capabilities', async (t) => {
  if (!needs(t, 'root', 'program:setpriv')) return;
  const bare = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];
  const seen = look(t, bare);
  works(t, seen);
  t.match(layerOf(seen.said, 'namespaces').mend, /another user than root, or CAP_SETFCAP/);
  works(t, look(t, [...bare, without, 'no-userns']));
  // One of the two that it takes to become another.
  for (const kept of ['setuid', 'setgid'])
    works(t, look(t, ['setpriv', `--bounding-set=-all,+${kept}`, '--inh-caps=-all']));
});

t.test('no /etc/ld.so.cache', async (t) => {
  if (!needs(t, 'root', 'mounts')) return;
  works(t, look(t, inMounts('mount --bind /dev/null /etc/ld.so.cache')));
});

t.test('a chroot', async (t) => {
  if (!needs(t, 'root', 'mounts')) return;
  const dir = project(t, { 'jail/tmp/.keep': '', 'jail/etc/.keep': '' });
  const jail = path.join(dir, 'jail');
  const tops = new Set(['usr', 'bin', 'lib', 'lib64', 'proc', 'dev', root.split('/')[1]]);
  tops.add(process.execPath.split('/')[1]);
  tops.delete('tmp');
  const binds = [...tops]
    .filter((top) => fs.existsSync(`/${top}`))
    .map((top) => {
      fs.mkdirSync(path.join(jail, top));
      return `mount --rbind /${top} '${jail}/${top}'`;
    });
  binds.push(`mount --bind /tmp '${jail}/tmp'`);
  const seen = look(t, [...inMounts(binds.join(' && ')), 'chroot', jail]);
  works(t, seen);
  t.match(layerOf(seen.said, 'namespaces'), {
    status: 'unavailable',
    mend: /a root that was not changed by chroot\(2\)/,
  });
});

t.test('no /proc', async (t) => {
  if (!needs(t, 'root', 'mounts')) return;
  const { status, said, runs } = look(t, inMounts('umount -l /proc'));
  t.equal(status, 1);
  t.match(said.broken, [/needs \/proc.*mount it/]);
  for (const { ok, error, broken } of Object.values(runs)) {
    t.equal(ok, false);
    t.match(error, { code: 'UNSUPPORTED_PLATFORM', message: /mount -t proc/ });
    t.match(broken, [/mount -t proc/]);
  }
});

t.test('what a run has shown is in isolation(), until one has worked', async (t) => {
  const { Shown } = await import('../../lib/shown.js');
  const shown = new Shown();
  const report = /** @type {any} */ ({
    layers: [
      { name: 'process', status: 'active', detail: '' },
      { name: 'privileges', status: 'active', detail: '' },
    ],
    broken: [],
  });
  const fail = (/** @type {object} */ fields) =>
    shown.note(
      { kind: 'setup', reason: 'none', ...fields },
      { ok: false, error: { code: 'ISOLATION_UNAVAILABLE', message: 'why' } },
      false,
    );
  t.equal(shown.correct(report), report);
  fail({ stage: 'workdir' });
  t.equal(shown.correct(report), report, "a directory that cannot be entered is the caller's");
  fail({ stage: 'privileges' });
  t.match(shown.correct(report), {
    layers: [{ status: 'active' }, { status: 'unavailable', detail: /startup 'spawn'.*why/ }],
    broken: [/why/],
  });
  shown.note({ kind: 'exit', reason: 'none' }, { ok: true }, true);
  t.equal(shown.correct(report).broken.length, 1, 'one that was forked says nothing of it');
  shown.note({ kind: 'exit', reason: 'none' }, { ok: true }, false);
  t.equal(shown.correct(report), report);
});
