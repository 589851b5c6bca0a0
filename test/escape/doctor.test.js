// `kb-sandbox doctor` and `runner.isolation()` where the kernel lacks something: what is missing is
// named, with the mend, and strict holds as long as one guard of files is left.
import child_process from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { build, LACKS, node, root, under } from './suite.js';

const VARIANTS = ['default', 'no-userns', 'no-landlock', 'bare'];
const MENDS = {
  landlock: /Linux 5\.13 or newer with CONFIG_SECURITY_LANDLOCK=y.*let its seccomp profile allow/,
  namespaces: /a seccomp profile that lets unshare and mount through/,
};
/** What a user of that machine has to know. */
const DETAILS = {
  landlock: /does not know the system call/,
  namespaces: /Operation not permitted; without them a guest can tell whether a path exists/,
};

build('native');

/** @param {string} variant @param {...string} args */
function run(variant, ...args) {
  const [file, rest] = under(variant, [node, ...args]);
  return child_process.spawnSync(file, rest, { encoding: 'utf8' });
}

const cli = path.join(root, 'lib', 'cli.js');
const index = pathToFileURL(path.join(root, 'lib', 'index.js')).href;

for (const variant of VARIANTS)
  t.test(variant, async (t) => {
    const lacks = LACKS[variant];
    const text = run(variant, cli, 'doctor');
    const json = run(variant, cli, 'doctor', '--json');
    const { layers, broken } = JSON.parse(json.stdout);
    const status = (/** @type {string} */ name) =>
      layers.find((/** @type {any} */ layer) => layer.name === name).status;
    for (const name of ['landlock', 'namespaces']) {
      const layer = layers.find((/** @type {any} */ layer) => layer.name === name);
      const line = new RegExp(`^${name} +unavailable`, 'm');
      if (lacks.includes(name)) {
        t.equal(layer.status, 'unavailable', `${name} is missing`);
        t.match(layer.detail, DETAILS[name]);
        t.match(layer.mend, MENDS[name]);
        t.match(text.stdout, line);
        t.ok(text.stdout.includes(`mend: ${layer.mend}\n`), 'the mend is in the table');
      } else {
        t.match(layer.status, /^(active|partial)$/, `${name} is there`);
        t.notMatch(text.stdout, line);
      }
    }
    t.match(status('seccomp'), /^(active|partial)$/);
    t.equal(status('network'), 'active');

    const { stdout } = run(
      variant,
      '--input-type=module',
      '-e',
      `import { createSandboxRunner } from '${index}';
       console.log(JSON.stringify(createSandboxRunner().isolation()));`,
    );
    // The doctor has tried to fork; a runner that has not run anything has not.
    const { runs, ...said } = JSON.parse(json.stdout);
    const tried = { startup: said.startup, startupReason: said.startupReason };
    t.match(tried.startupReason, /was tried|no system call filter|cannot|not been tried/);
    t.same({ ...JSON.parse(stdout), ...tried }, said, 'isolation() says the same');

    const bare = variant === 'bare';
    t.same(
      runs.map((/** @type {any} */ { startup, ok }) => [startup, ok]),
      bare ? [] : [['spawn', true], ['fork', true]], // prettier-ignore
      'the doctor has tried both',
    );
    t.equal(json.status, bare ? 1 : 0);
    t.equal(text.status, bare ? 1 : 0);
    t.equal(status('filesystem'), bare ? 'unavailable' : 'active');
    if (bare) {
      t.match(broken, [/^permissions\.filesystem cannot be enforced: no Landlock.*no namespaces/]);
      for (const mend of Object.values(MENDS)) t.match(broken[0], mend);
      t.match(text.stdout, "isolation 'strict' refuses to run here: permissions.filesystem");
    } else {
      t.same(broken, []);
      t.match(text.stdout, "isolation 'strict', the default, holds on this machine.");
    }
  });

for (const variant of VARIANTS)
  t.test(`${variant}: a run`, async (t) => {
    const dir = t.testdir({
      'handler.mjs': `import fs from 'node:fs';
        export const handle = (input, { outdir }) => {
          fs.writeFileSync(outdir + '/written', 'by the guest');
          return 'it ran';
        };`,
      out: {},
    });
    const out = path.join(dir, 'out');
    fs.chmodSync(out, 0o700);
    const args = [cli, 'run', path.join(dir, 'handler.mjs'), '--workdir', dir, '--outdir', out];
    const strict = run(variant, ...args);
    if (variant === 'bare') {
      t.equal(strict.status, 7);
      t.match(strict.stderr, /^ISOLATION_UNAVAILABLE: .*permissions\.filesystem/);
      t.notOk(fs.existsSync(path.join(out, 'written')), 'nothing has run');
    } else {
      t.match(strict, { status: 0, stdout: '"it ran"\n' });
    }
    fs.rmSync(path.join(out, 'written'), { force: true });
    const lenient = run(variant, ...args, '--best-effort');
    t.match(lenient, { status: 0, stdout: '"it ran"\n', stderr: '' });
    t.equal(fs.readFileSync(path.join(out, 'written'), 'utf8'), 'by the guest');
  });

// Where mounts say EROFS, Landlock alone says EACCES, as a file's mode does.
for (const variant of ['default', 'no-userns', 'no-landlock'])
  t.test(`${variant}: what was refused is explained`, async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sandbox-explained-'));
    t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
    fs.chmodSync(dir, 0o755);
    fs.writeFileSync(path.join(dir, 'package.json'), '{}');
    fs.writeFileSync(path.join(dir, '.env'), 'SECRET');
    fs.writeFileSync(
      path.join(dir, 'handler.cjs'),
      `const fs = require('node:fs');
       exports.change = () => fs.appendFileSync(__filename, '');
       exports.create = () => fs.writeFileSync(__dirname + '/new', '');
       exports.secret = () => fs.readFileSync(__dirname + '/.env', 'utf8');`,
    );
    const script = `import { createSandboxRunner } from ${JSON.stringify(index)};
      const runner = createSandboxRunner();
      const ctx = { requestId: 'r', workdir: ${JSON.stringify(dir)} };
      const all = [];
      for (const name of ['change', 'create', 'secret']) {
        const { error } = await runner.run({ file: './handler.cjs', export: name }, null, ctx);
        all.push([error?.code, error?.details?.key]);
      }
      await runner.dispose();
      console.log(JSON.stringify(all));`;
    const { stdout, stderr } = run(variant, '--input-type=module', '-e', script);
    const expected = ['PERMISSION_DENIED', 'permissions.filesystem.allow'];
    t.same(JSON.parse(stdout || 'null'), [expected, expected, expected], stderr);
  });
