// Abuse cases 16 to 25, who outlives whom: the controls, and what test/run/time.test.js and
// test/lifecycle leave out.
import { spawn, spawnSync } from 'node:child_process';
import t from 'tap';
import { handler, isAlive, processesWith, project, run, until } from '../run/helper.js';
import { host, lib } from './helper.js';

/** A test that this machine cannot run. @param {any} t @param {string} why */
function skip(t, why) {
  if (process.env.SBX_MUST_WORK && process.getuid?.() === 0) t.fail(why);
  else t.skip(why);
}

const inNamespace = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--mount-proc'];

/** Why PID namespaces cannot be made here; empty when they can. */
function noNamespaces() {
  const { status, stderr } = spawnSync(inNamespace[0], [...inNamespace.slice(1), 'true']);
  return status === 0 ? '' : `no PID namespace can be made here: ${stderr}`;
}

t.test('18. the control: a plain child lives on when its host is killed', async (t) => {
  const dir = project(t, 'setInterval(() => {}, 1000); console.log(process.pid);');
  const program = `
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, ['handler.mjs'], { stdio: ['ignore', 'inherit', 'ignore'] });
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
  t.teardown(() => process.kill(pid, 'SIGKILL'));
  const exited = new Promise((resolve) => parent.once('exit', resolve));
  parent.kill('SIGKILL');
  await exited;
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.ok(isAlive(pid));
});

t.test('19. the control: PDEATHSIG fires when the thread that started a child ends', async (t) => {
  const { Worker } = await import('node:worker_threads');
  const start = (/** @type {boolean} */ ends) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(
        `const { spawn } = require('node:child_process');
         const { parentPort } = require('node:worker_threads');
         const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'sleep', '60'], { stdio: 'ignore' });
         child.unref();
         // By then it has asked for the signal and become what it is to run.
         const isSleep = () => require('node:fs').readFileSync('/proc/' + child.pid + '/cmdline', 'utf8').startsWith('sleep');
         const timer = setInterval(() => {
           if (!isSleep()) return;
           clearInterval(timer);
           parentPort.postMessage(child.pid);
           if (${ends}) process.exit();
           parentPort.on('message', () => process.exit());
         }, 5);`,
        { eval: true },
      );
      /** @type {number} */
      let pid;
      worker.once('error', reject);
      worker.once('message', (message) => {
        pid = message;
        if (!ends) resolve({ pid, worker });
      });
      if (ends) worker.once('exit', () => resolve({ pid }));
    });
  const staying = await start(false);
  const ended = await start(true);
  await until(() => !isAlive(ended.pid), 'the end of the child whose thread has ended');
  t.ok(isAlive(staying.pid), 'although the process is still there');
  staying.worker.postMessage('end');
  await until(() => !isAlive(staying.pid), 'the end of the other one');
});

t.test('19. a worker that ends at once leaves nothing, and takes no run of others', async (t) => {
  const { code, out, err } = await host(
    t,
    handler('await new Promise((resolve) => setTimeout(resolve, 500)); return process.pid;'),
    `
    const { Worker } = await import('node:worker_threads');
    const runner = createSandboxRunner({});
    const mine = runner.run(ref, 0, ctx);
    const source = 'import { createSandboxRunner } from ' + ${JSON.stringify(JSON.stringify(lib))} + ';' +
      'createSandboxRunner({}).run(' + JSON.stringify(ref) + ', 0, ' + JSON.stringify(ctx) + ');' +
      'process.exit();';
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)));
      await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
    }
    const { ok, data } = await mine;
    await runner.dispose();
    const { readFileSync } = await import('node:fs');
    const children = readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8');
    console.log(JSON.stringify([ok, typeof data, children]));`,
  );
  t.equal(err, '');
  t.equal(code, 0);
  t.same(JSON.parse(out), [true, 'number', '']);
});

t.test(
  '20. the control: for a child of PID 1 its parent’s death looks like what it is',
  async (t) => {
    const why = noNamespaces();
    if (why) return skip(t, why);
    // Who takes "my parent is PID 1" for "my parent is dead" is wrong there from the start.
    const { out } = await host(
      t,
      handler('return process.ppid;'),
      `
    const { execFileSync } = await import('node:child_process');
    const runner = createSandboxRunner({});
    const { ok } = await runner.run(ref, 0, ctx);
    console.log(process.pid, execFileSync('/bin/sh', ['-c', 'echo $PPID']).toString().trim(), ok);
    await runner.dispose();`,
      inNamespace,
    );
    t.equal(out, '1 1 true\n');
  },
);

t.test('21. the control: with SIGCHLD ignored no status of a child is ever seen', (t) => {
  const program = (/** @type {string} */ disposition) => `
import os, signal
signal.signal(signal.SIGCHLD, signal.${disposition})
pid = os.fork()
if pid == 0: os._exit(3)
try:
  print(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
except ChildProcessError:
  print("gone")`;
  const wait = (/** @type {string} */ disposition) =>
    spawnSync('python3', ['-c', program(disposition)]).stdout.toString();
  t.equal(wait('SIG_DFL'), '3\n');
  t.equal(wait('SIG_IGN'), 'gone\n');
  t.end();
});

t.test('22, 23. the control: in its own process a host ends with its handler', async (t) => {
  const script = `
    const runner = createSandboxRunner({ mode: 'inprocess' });
    await runner.run(ref, 0, ctx);
    console.log('alive');`;
  const ends = {
    'process.exit(7);': { code: 7, out: '' },
    'process.abort();': { signal: 'SIGABRT', out: '' },
    'process.reallyExit(5);': { code: 5, out: '' },
    "process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});": {
      signal: 'SIGKILL',
      out: '',
    },
    "setTimeout(() => { throw new Error('late'); }, 1); await new Promise((r) => setTimeout(r, 5000));":
      { code: 1, out: '' },
    "Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 5000));": {
      code: 1,
      out: '',
    },
    'return 1;': { code: 0, out: 'alive\n' },
  };
  for (const [body, how] of Object.entries(ends))
    t.match(await host(t, handler(body), script), how, body);
});

t.test('25. the pid of a run that is over may be another’s: that one is not hit', async (t) => {
  const why = noNamespaces();
  if (why) return skip(t, why);
  // In a PID namespace of one's own the next number can be chosen.
  const { out, err } = await host(
    t,
    handler('await new Promise((r) => setTimeout(r, 500)); return 1;'),
    `
    const { spawn } = await import('node:child_process');
    const { readFileSync, writeFileSync } = await import('node:fs');
    const childOf = (pid) => Number(readFileSync('/proc/' + pid + '/task/' + pid + '/children', 'utf8').split(' ')[0]);
    const runner = createSandboxRunner({ startup: 'spawn', execution: { graceMs: 0 } });
    const controller = new AbortController();
    const running = runner.run(ref, 0, { ...ctx, signal: controller.signal });
    // Launcher, init, guest: what the guest takes for its pid is none out here.
    let pid = 0;
    while (!pid) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      try {
        pid = childOf(childOf(childOf(process.pid)));
      } catch {}
    }
    await running;
    let stranger;
    for (let i = 0; i < 20 && stranger?.pid !== pid; i++) {
      stranger?.kill('SIGKILL');
      writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
      stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
    }
    const isAlive = () => stranger.exitCode === null && stranger.signalCode === null;
    const pause = () => new Promise((resolve) => setTimeout(resolve, 100));
    const log = [stranger.pid === pid];
    controller.abort();
    await runner.dispose();
    await pause();
    log.push(isAlive());
    process.kill(pid, 'SIGKILL'); // The control: by its number it would have been hit.
    await pause();
    log.push(isAlive());
    console.log(JSON.stringify(log));`,
    inNamespace,
  );
  if (/EACCES|EPERM|EROFS/.test(err)) return skip(t, `ns_last_pid cannot be written: ${err}`);
  t.equal(err, '');
  t.same(JSON.parse(out), [true, true, false]);
});

t.test(
  '17. what a guest leaves running holds up neither its result nor the next run',
  async (t) => {
    const dir = project(t, {
      'handler.mjs': handler(`
      const fs = await import('node:fs');
      const { Worker } = await import('node:worker_threads');
      new Worker('for (;;);', { eval: true });
      setInterval(() => fs.writeSync(1, 'still here\\n'), 1);
      return 1;`),
    });
    const { createSandboxRunner } = await import('../../lib/index.js');
    const runner = createSandboxRunner({ execution: { concurrency: 1 } });
    t.teardown(() => runner.dispose());
    const ref = { file: 'handler.mjs', export: 'handle' };
    for (let i = 0; i < 2; i++) {
      const { ok } = await runner.run(ref, 0, { requestId: 'r', workdir: dir });
      t.ok(ok);
      t.same(processesWith(dir), []);
    }
    t.match(await run(t, handler('return 1;')), { ok: true });
  },
);
