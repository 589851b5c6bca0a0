// Which files a run may see, against what Node.js and package managers really do: every file that a
// program opens or loads has to be granted, and what it has no business with must not be.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { findLibraries, readElf } from '../lib/elf.js';
import { configGrants, handlerView, runtimeFlags, runtimeGrants } from '../lib/view.js';

const pnpmProgram = fileURLToPath(new URL('../node_modules/pnpm/bin/pnpm.cjs', import.meta.url));

/** @param {string} at */
const realOf = (at) => (fs.existsSync(at) ? fs.realpathSync(at) : at);

/** Whether a file may be read. @param {readonly string[]} grants @param {string} file */
function covers(grants, file) {
  return grants.some((grant) => {
    const at = realOf(grant.slice(1));
    return file === at || file.startsWith(`${at}/`);
  });
}

/** @param {Parameters<typeof handlerView>[0]} request */
const handlerGrants = async (request) => [...(await handlerView(request)).grants];

/** @param {any} t @param {Record<string, string>} files */
function tree(t, files) {
  const dir = realOf(fs.mkdtempSync(path.join(os.tmpdir(), 'sandbox-view-')));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    const at = path.join(dir, name);
    fs.mkdirSync(path.dirname(at), { recursive: true });
    if (text.startsWith('-> ')) fs.symlinkSync(text.slice(3), at);
    else fs.writeFileSync(at, text);
  }
  return dir;
}

const named = (/** @type {string} */ name, /** @type {object} */ more = {}) =>
  JSON.stringify({ name, version: '1.0.0', ...more });

/**
 * What a Node.js of its own prints. The runner of the tests adds a preload to what they start, by
 * NODE_OPTIONS.
 *
 * @param {...string} args
 */
const nodePrints = (...args) =>
  execFileSync('env', ['-u', 'NODE_OPTIONS', process.execPath, ...args], { encoding: 'utf8' });

/** What `node file` loads, without symbolic links. @param {string} file @returns {string[]} */
function loadedBy(file) {
  const program = `require(${JSON.stringify(file)}); console.log(JSON.stringify(Object.keys(require.cache)))`;
  return JSON.parse(nodePrints('-e', program));
}

/**
 * Everything that a handler loads is granted.
 *
 * @param {any} t @param {string} file @param {string} [pluginRoot]
 */
async function checkLoads(t, file, pluginRoot) {
  const grants = await handlerGrants({ file, workdir: '/', pluginRoot });
  const loaded = loadedBy(file);
  t.same(
    loaded.filter((at) => !covers(grants, at)),
    [],
    `all of ${loaded.length} files`,
  );
  for (const shared of ['/', os.homedir(), os.tmpdir(), '/usr', '/etc']) {
    t.notOk(covers(grants, shared), `${shared} is not granted`);
  }
  return { grants, loaded };
}

/** @param {string} cwd @param {...string} args */
function pnpm(cwd, ...args) {
  execFileSync(process.execPath, [pnpmProgram, ...args], {
    cwd,
    env: { ...process.env, CI: 'true', XDG_DATA_HOME: path.join(cwd, '..', 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Global packages go to a directory beside the project. @param {string} cwd @param {...string} args */
function npm(cwd, ...args) {
  execFileSync('npm', [...args, '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd,
    env: {
      ...process.env,
      npm_config_update_notifier: 'false',
      npm_config_prefix: path.join(cwd, '../global'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

t.test('a denied configuration of OpenSSL is not asked for', async (t) => {
  t.same(runtimeFlags(['/srv']), []);
  t.same(runtimeFlags(['/etc']), ['--openssl-config=/dev/null']);
});

t.test('the runtime: what this Node.js is linked with', async (t) => {
  const grants = runtimeGrants();
  t.equal(runtimeGrants(), grants, 'worked out once');
  t.ok(grants.includes(`x${process.execPath}`));
  const { sharedObjects } = /** @type {any} */ (
    JSON.parse(nodePrints('-p', 'JSON.stringify(process.report.getReport())'))
  );
  const files = sharedObjects.filter((/** @type {string} */ at) => at.startsWith('/'));
  t.ok(files.length > 2, `${files.length} files`);
  for (const file of files) {
    // By this very name, since a view of the file system has these alone.
    t.ok(grants.includes(`r${file}`) || grants.includes(`x${file}`), file);
  }
  const advanced = runtimeGrants({ advanced: true });
  const executable = grants.filter((grant) => grant.startsWith('x'));
  t.equal(executable.length, 2, executable.join(' '));
  for (const name of ['lib/guest/advanced.mjs', 'node_modules/devalue/index.js'])
    t.ok(covers(advanced, realOf(fileURLToPath(new URL(`../${name}`, import.meta.url)))), name);
  t.notOk(grants.some((grant) => grant.endsWith('.node')));
  t.notOk(grants.some((grant) => grant.startsWith('w')));
  for (const file of ['/etc/passwd', '/etc/hosts', '/proc/1', '/usr/bin/env', '/sys/fs/cgroup'])
    t.notOk(covers(grants, file), file);
});

t.test('the runtime: every file that a start opens', async (t) => {
  let trace;
  try {
    const out = path.join(tree(t, {}), 'trace');
    const program =
      "new Date().toString(); os.cpus(); os.loadavg(); os.uptime(); os.freemem(); crypto.randomUUID(); require('tls').createSecureContext(); process.memoryUsage(); new Worker('', {eval: true})";
    execFileSync(
      'strace',
      [
        '-f',
        '-E',
        'NODE_OPTIONS',
        '-e',
        'trace=open,openat',
        '-o',
        out,
        process.execPath,
        '-e',
      ].concat(`const { Worker } = require('worker_threads');${program}`),
      { env: {}, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    trace = fs.readFileSync(out, 'utf8');
  } catch (error) {
    if (/** @type {any} */ (error).code !== 'ENOENT' || process.env.SBX_MUST_WORK) throw error;
    t.skip('strace is not installed');
    return;
  }
  const opened = [...trace.matchAll(/open(?:at)?\(\S*,? ?"(\/[^"]+)".* = \d+$/gm)].map((m) => m[1]);
  t.ok(opened.length > 10, `${opened.length} files`);
  // Asked for, and done without: limits of control groups, the loader's and the kernel's variants.
  const optional =
    /^\/sys\/fs\/cgroup|^\/proc\/(?:version_signature|sys\/vm\/)|^\/proc\/self|cpufreq|tsc_freq/;
  const missing = opened.filter((at) => !optional.test(at) && !covers(runtimeGrants(), realOf(at)));
  t.same(missing, []);
});

t.test('the runtime: names of hosts', async (t) => {
  const grants = runtimeGrants({ names: 'asked' });
  t.ok(grants.includes('r/etc/resolv.conf'));
  t.notOk(runtimeGrants().includes('r/etc/resolv.conf'));
  // Files of their own before glibc 2.34, and empty since.
  const found = (/** @type {string} */ name) =>
    findLibraries(process.execPath, [name]).libraries.filter((file) => file.endsWith(name));
  t.same(
    ['libnss_dns.so.2', 'libresolv.so.2']
      .flatMap(found)
      .filter((file) => !grants.includes(`r${file}`)),
    [],
  );
});

t.test('ELF: what is none', async (t) => {
  const dir = tree(t, { text: 'x', short: '\x7fELF\x02\x01', empty: '' });
  for (const name of ['text', 'short', 'empty', 'missing'])
    t.equal(readElf(path.join(dir, name)), undefined, name);
  // Every header field that counts or points, one after the other, at its largest.
  const whole = Buffer.alloc(4096);
  fs.readSync(fs.openSync(process.execPath, 'r'), whole);
  for (let at = 16; at + 8 <= 512; at += 4) {
    const bytes = Buffer.from(whole);
    bytes.fill(0xff, at, at + 8);
    fs.writeFileSync(path.join(dir, 'broken'), bytes);
    const elf = readElf(path.join(dir, 'broken'));
    if (elf !== undefined && !Array.isArray(elf.needed)) t.fail(`offset ${at}`);
  }
  t.same(findLibraries(path.join(dir, 'text')), { interpreter: undefined, libraries: [] });
});

t.test('a package and nothing around it', async (t) => {
  const dir = tree(t, {
    'app/package.json': named('app'),
    'app/src/handler.js': '',
    'app/data.json': '1',
    'app/node_modules/dep/index.js': '',
    'node_modules/outer/index.js': '',
    'secret.txt': '',
    'other/package.json': named('other'),
  });
  const grants = await handlerGrants({ file: './src/handler', workdir: `${dir}/app` });
  t.same(grants, [`r${dir}/app`, `r${dir}/node_modules`]);
  for (const name of ['secret.txt', 'other/package.json'])
    t.notOk(covers(grants, path.join(dir, name)), name);
  t.same(await handlerGrants({ file: './missing', workdir: `${dir}/app` }), []);
  t.same(await handlerGrants({ file: './missing', workdir: `${dir}/app`, outdir: 'out' }), [
    `o${dir}/app/out`,
  ]);
});

t.test('without a package: the directory of the file', async (t) => {
  const dir = tree(t, { 'lone/handler.mjs': '', 'lone/util.mjs': '', 'other.txt': '' });
  t.same(await handlerGrants({ file: './handler', workdir: `${dir}/lone` }), [`r${dir}/lone`]);
});

t.test('broad directories are never granted', async (t) => {
  const home = tree(t, {
    'package.json': named('home', { type: 'module' }),
    'handler.js': '',
    'work/handler.js': '',
    'node_modules/dep/index.js': '',
    '.ssh/id_rsa': '',
  });
  const before = process.env.HOME;
  process.env.HOME = home;
  t.teardown(() => {
    process.env.HOME = before;
  });
  const grants = await handlerGrants({ file: './handler.js', workdir: home });
  t.same(
    grants,
    ['package.json', 'handler.js', 'node_modules'].map((name) => `r${home}/${name}`),
  );
  t.same(
    await handlerGrants({ file: './handler.js', workdir: `${home}/work` }),
    ['work', 'package.json', 'node_modules'].map((name) => `r${home}/${name}`),
  );
  t.notOk(
    covers(
      await handlerGrants({ file: './handler.js', workdir: home, pluginRoot: home }),
      `${home}/.ssh`,
    ),
  );
  const parent = await handlerGrants({
    file: `${home}/handler.js`,
    workdir: home,
    pluginRoot: path.dirname(home),
  });
  t.notOk(covers(parent, `${home}/.ssh`), 'nor what holds one');
});

t.test('pluginRoot bounds the package', async (t) => {
  const dir = tree(t, {
    'package.json': named('app'),
    '.env': '',
    'plugins/a/dist/handler.js': '',
    'plugins/a/asset': '',
    'plugins/b/handler.js': '',
    'node_modules/dep/index.js': '',
  });
  const pluginRoot = `${dir}/plugins/a`;
  const grants = await handlerGrants({ file: './handler.js', workdir: dir, pluginRoot });
  // Node.js wants to know whether it is of type "module".
  t.same(grants, [`r${pluginRoot}`, `r${dir}/node_modules`, `r${dir}/package.json`]);
  // The file of another place has a package of its own.
  const outside = await handlerGrants({
    file: `${dir}/plugins/b/handler.js`,
    workdir: dir,
    pluginRoot,
  });
  t.ok(covers(outside, `${dir}/plugins/b/handler.js`));
});

t.test('symbolic links: a root, a file, both names are granted', async (t) => {
  const dir = tree(t, {
    'real/package.json': named('real'),
    'real/handler.js': '',
    link: '-> real',
    'bin/handler.js': '-> ../real/handler.js',
  });
  const through = await handlerGrants({
    file: './handler.js',
    workdir: '/',
    pluginRoot: `${dir}/link`,
  });
  t.same(through, [`r${dir}/link`, `r${dir}/real`]);
  const file = await handlerGrants({ file: './handler.js', workdir: `${dir}/bin` });
  t.same(file, [`r${dir}/real`, `r${dir}/bin/handler.js`]);
});

t.test('links that a plugin brings along lead nowhere', async (t) => {
  const dir = tree(t, {
    'package.json': named('host'),
    '.env': '',
    'secret/package.json': named('secret'),
    'secret/key': '',
    'home/.ssh/id_rsa': '',
    'home/node_modules/installed/package.json': named('installed'),
    'plugins/a/package.json': named('a'),
    'plugins/a/handler.js': '',
    'plugins/a/node_modules/host': '-> ../../..',
    'plugins/a/node_modules/secret': '-> ../../../secret',
    'plugins/a/node_modules/ssh': '-> ../../../home/.ssh',
    'plugins/a/node_modules/dangling': '-> ../../../nowhere',
    'plugins/a/node_modules/loop': '-> loop',
    'plugins/a/node_modules/root': '-> /',
    'plugins/a/node_modules/alias': '-> ../../../home/node_modules/installed',
    'plugins/a/sub/node_modules': '-> ../../../home',
    'plugins/a/sub/handler.js': '',
  });
  for (const pluginRoot of [`${dir}/plugins/a`, undefined]) {
    for (const file of ['handler.js', 'sub/handler.js']) {
      const grants = await handlerGrants({
        file: `${dir}/plugins/a/${file}`,
        workdir: dir,
        pluginRoot,
      });
      for (const name of ['.env', 'home/.ssh/id_rsa'])
        t.notOk(covers(grants, path.join(dir, name)), name);
      t.ok(covers(grants, `${dir}/home/node_modules/installed/package.json`));
      t.notOk(covers(grants, '/etc/passwd'));
      t.notOk(covers(grants, `${dir}/secret/key`), 'nor by the name of a package');
    }
  }
});

t.test('what guests may replace by links is not followed', async (t) => {
  const dir = tree(t, {
    'data/out': '-> ../home',
    'data/handler.js': '-> ../home/work/handler.js',
    'data/own/package.json': named('own'),
    'data/own/handler.js': '',
    'data/own/node_modules/work': '-> ../../../home/work',
    'home/work/package.json': named('work'),
    'home/work/handler.js': '',
    'package.json': named('all', { workspaces: ['*'] }),
  });
  const writable = [`${dir}/data`];
  const ask = (/** @type {string} */ file, /** @type {string[]} */ list) =>
    handlerGrants({ file, workdir: `${dir}/data`, outdir: 'out', writable: list });
  t.same(await ask('./handler.js', writable), []);
  t.same(await ask('./own/handler.js', writable), [`r${dir}/data/own`]);
  t.ok(covers(await ask('./own/handler.js', []), `${dir}/home/work/handler.js`), 'else it is');
});

t.test('what was found is remembered until something changes', async (t) => {
  const dir = tree(t, {
    'app/package.json': named('app'),
    'app/handler.js': '',
    'app/node_modules/@scope/x/index.js': '',
    'dep/package.json': named('@scope/dep'),
    'dep/index.js': '',
    'pnpm-workspace.yaml': '',
  });
  const old = new Date(Date.now() - 60_000);
  for (const name of [
    'pnpm-workspace.yaml',
    'app/package.json',
    'app/node_modules',
    'app/node_modules/@scope',
  ])
    fs.utimesSync(path.join(dir, name), old, old);
  const ask = () => handlerGrants({ file: './handler.js', workdir: `${dir}/app` });
  t.same(await ask(), [`r${dir}/app`]);
  const read = fs.promises.opendir;
  let reads = 0;
  fs.promises.opendir = /** @type {any} */ (
    (/** @type {any} */ ...args) => {
      reads++;
      return /** @type {any} */ (read)(...args);
    }
  );
  t.teardown(() => {
    fs.promises.opendir = read;
  });
  t.same(await ask(), [`r${dir}/app`]);
  t.equal(reads, 0, 'no directory is read again');
  fs.symlinkSync('../../../dep', `${dir}/app/node_modules/@scope/dep`);
  t.same(await ask(), [`r${dir}/app`, `r${dir}/dep`], 'a new link is seen');
  fs.unlinkSync(`${dir}/app/node_modules/@scope/dep`);
  t.same(await ask(), [`r${dir}/app`], 'so is its end');
  fs.mkdirSync(`${dir}/node_modules`);
  t.same(await ask(), [`r${dir}/app`, `r${dir}/node_modules`], 'and a new node_modules above');
});

t.test('links are followed within one workspace', async (t) => {
  const files = {
    'all/apps/a/package.json': named('a'),
    'all/apps/a/handler.js': '',
    'all/apps/a/node_modules/b': '-> ../../../libs/b',
    'all/apps/a/node_modules/victim': '-> ../../../../victim',
    'all/apps/a/node_modules/misnamed': '-> ../../../libs/secret',
    'all/apps/a/node_modules/@x/victim': '-> ../../../../../victim',
    'all/libs/b/package.json': named('b'),
    'all/libs/secret/package.json': named('secret'),
    'victim/package.json': named('victim'),
    'victim/.env': '',
  };
  const roots = {
    npm: { 'all/package.json': named('all', { workspaces: ['*/*'] }) },
    pnpm: { 'all/pnpm-workspace.yaml': 'packages: [apps/*]\n' },
    none: { 'all/package.json': named('all') },
  };
  for (const [manager, more] of Object.entries(roots)) {
    const dir = tree(t, { ...files, ...more });
    const file = `${dir}/all/apps/a/handler.js`;
    for (const pluginRoot of [undefined, `${dir}/all/apps/a`]) {
      const { grants, unfollowed } = await handlerView({ file, workdir: '/', pluginRoot });
      t.equal(covers(grants, `${dir}/all/libs/b/package.json`), manager !== 'none', manager);
      t.notOk(covers(grants, `${dir}/all/libs/secret/package.json`), 'the name has to be right');
      t.notOk(covers(grants, `${dir}/victim/.env`), 'another project');
      const names = unfollowed.map(({ name }) => name).sort();
      t.same(
        names.filter((name) => name.endsWith('victim')),
        ['@x/victim', 'victim'],
      );
      t.equal(names.includes('b'), manager === 'none');
    }
  }
});

t.test('a description that is no file, or endless, or too large', async (t) => {
  const dir = tree(t, {
    'package.json': named('all', { workspaces: ['*'] }),
    'a/package.json': named('a'),
    'a/handler.js': '',
    'zero/package.json': '-> /dev/zero',
    'large/package.json': named('large', { x: 'x'.repeat(2 ** 20) }),
    'right/package.json': named('right', { x: 'x'.repeat(2 ** 19) }),
    'fifo/x': '',
    'directory/package.json/x': '',
  });
  execFileSync('mkfifo', [`${dir}/fifo/package.json`]);
  fs.mkdirSync(`${dir}/a/node_modules`);
  const names = ['fifo', 'zero', 'large', 'directory', 'right'];
  for (const name of names) fs.symlinkSync(`../../${name}`, `${dir}/a/node_modules/${name}`);
  const grants = await handlerGrants({ file: './handler.js', workdir: `${dir}/a` });
  t.same(
    names.filter((name) => covers(grants, `${dir}/${name}`)),
    ['right'],
  );
});

t.test('no more than 5,000 directories are read', async (t) => {
  const dir = tree(t, { 'package.json': named('a', { workspaces: [] }), 'handler.js': '' });
  fs.writeFileSync(`${dir}/pnpm-workspace.yaml`, '');
  for (let i = 0; i < 5_100; i++)
    fs.mkdirSync(`${dir}/node_modules/.pnpm/${i}/node_modules`, { recursive: true });
  const { opendir } = fs.promises;
  let reads = 0;
  fs.promises.opendir = /** @type {any} */ (
    (/** @type {any} */ ...args) => {
      if (String(args[0]).includes('/node_modules')) reads++;
      return /** @type {any} */ (opendir)(...args);
    }
  );
  t.teardown(() => {
    fs.promises.opendir = opendir;
  });
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await handlerGrants({ file: './handler.js', workdir: dir });
  clearInterval(timer);
  t.equal(reads, 5_000);
  t.ok(turns > 5, `the event loop went on: ${turns} turns`);
});

t.test('the host does not wait for a description above the handler', async (t) => {
  const dir = tree(t, { 'a/handler.js': '', 'a/node_modules/x/package.json': named('x') });
  execFileSync('mkfifo', [`${dir}/package.json`]);
  t.match(await handlerGrants({ file: './handler.js', workdir: `${dir}/a` }), [/\/a$|^r/]);
});

t.test('npm: an installation, workspaces, npm link', async (t) => {
  const dir = tree(t, {
    'app/package.json': named('app', { workspaces: ['packages/*'] }),
    'app/packages/a/package.json': named('a', { dependencies: { b: '*', 'is-odd': '3.0.1' } }),
    'app/packages/a/handler.js': "require('b'); require('is-odd')",
    'app/packages/b/package.json': named('b', { dependencies: { 'is-number': '7.0.0' } }),
    'app/packages/b/index.js': "require('is-number')",
    'app/.env': '',
    'linked/package.json': named('linked', { dependencies: { 'is-buffer': '2.0.5' } }),
    'linked/index.js': "require('is-buffer')",
  });
  fs.mkdirSync(`${dir}/global/lib`, { recursive: true });
  npm(`${dir}/linked`, 'install');
  npm(`${dir}/app`, 'install');
  npm(`${dir}/app`, 'link', '--no-save', '--install-links=false', '../linked');
  const { grants, loaded } = await checkLoads(t, `${dir}/app/packages/a/handler.js`);
  t.ok(loaded.some((at) => at.endsWith('/app/packages/b/index.js')));
  t.notOk(covers(grants, `${dir}/app/.env`));
  // Whose that is, nobody here has said.
  const file = `${dir}/app/packages/a/handler.js`;
  const { unfollowed } = await handlerView({ file, workdir: '/' });
  t.match(unfollowed, [{ name: 'linked', real: `${dir}/linked` }]);
  t.notOk(covers(grants, `${dir}/linked/index.js`), 'npm link: another project is not granted');
});

t.test('pnpm: an installation, a workspace, a link of it', async (t) => {
  const dir = tree(t, {
    'app/package.json': named('app'),
    'app/pnpm-workspace.yaml': 'packages: [packages/*]\n',
    'app/packages/a/package.json': named('a', {
      dependencies: { b: 'workspace:*', 'is-odd': '3.0.1', odd: 'npm:is-odd@3.0.0' },
    }),
    'app/packages/a/handler.js': "require('b'); require('is-odd'); require('odd')",
    'app/packages/b/package.json': named('b', {
      dependencies: { 'is-buffer': '2.0.5', c: 'workspace:*' },
    }),
    'app/packages/b/index.js': "require('is-buffer'); require('c')",
    'app/packages/c/package.json': named('c', {
      dependencies: { linked: 'link:../../linked', other: 'link:../../../other' },
    }),
    'app/packages/c/index.js': "require('linked')",
    'app/packages/private/package.json': named('private'),
    'app/linked/package.json': named('linked'),
    'app/linked/index.js': '',
    'other/package.json': named('other'),
    'app/.env': '',
  });
  pnpm(`${dir}/app`, 'install', '--store-dir', `${dir}/store`);
  const file = `${dir}/app/packages/a/handler.js`;
  for (const pluginRoot of [undefined, `${dir}/app/packages/a`]) {
    const { grants, loaded } = await checkLoads(t, file, pluginRoot);
    t.ok(loaded.some((at) => at.includes('/app/node_modules/.pnpm/is-odd@3.0.0/')));
    t.ok(loaded.some((at) => at.endsWith('/linked/index.js')));
    for (const name of ['app/.env', 'app/packages/private/package.json', 'other/package.json'])
      t.notOk(covers(grants, path.join(dir, name)), name);
  }
});

t.test('pnpm: a store that projects share', async (t) => {
  const dir = tree(t, {
    'app/package.json': named('app', { dependencies: { 'is-odd': '3.0.1' } }),
    'app/pnpm-workspace.yaml': 'enableGlobalVirtualStore: true\n',
    'app/handler.js': "require('is-odd')",
  });
  fs.mkdirSync(`${dir}/data`);
  pnpm(`${dir}/app`, 'install', '--store-dir', `${dir}/store`, '--config.ci=false');
  const { grants, loaded } = await checkLoads(t, `${dir}/app/handler.js`, `${dir}/app`);
  t.ok(
    loaded.some((at) => at.startsWith(`${dir}/store/`)),
    loaded.join(' '),
  );
  t.ok(loaded.some((at) => at.includes('/is-number/')));
  t.notOk(covers(grants, `${dir}/store`), 'not the store as a whole');
});

t.test('permissions.filesystem', async (t) => {
  const here = process.cwd();
  t.same(configGrants({ allow: [], deny: [], readOnly: false }), {
    grants: [],
    deny: [],
    all: false,
    writable: [],
    ownTmp: true,
  });
  t.same(
    configGrants({ allow: ['/data/../data/', 'sub', '/data'], deny: ['./sub/x'], readOnly: false }),
    {
      grants: ['w/data', `w${here}/sub`],
      deny: [`${here}/sub/x`],
      all: false,
      writable: ['/data', `${here}/sub`],
      ownTmp: true,
    },
  );
  const readOnly = configGrants({ allow: ['*', '/data'], deny: ['/etc'], readOnly: true });
  t.same(readOnly, { grants: ['r/'], deny: ['/etc'], all: true, writable: [], ownTmp: false });
  t.ok(configGrants({ allow: ['/'], deny: [], readOnly: false }).all);
  const wrong = {
    allow: ['~/x', '~', '/app/*', 'a\0b', 'file:///x', '/fine'],
    deny: ['*', '/', '/app/**', '~root'],
    readOnly: false,
  };
  try {
    configGrants(wrong);
    t.fail('it was accepted');
  } catch (error) {
    const { name, code, issues } = /** @type {any} */ (error);
    t.same({ name, code }, { name: 'TypeError', code: 'VALIDATION_ERROR' });
    t.same(
      issues.map((/** @type {any} */ issue) => issue.path),
      ['allow.0', 'allow.1', 'allow.2', 'allow.3', 'allow.4', 'deny.0', 'deny.1', 'deny.2'].map(
        (key) => `permissions.filesystem.${key}`,
      ),
    );
  }
});
