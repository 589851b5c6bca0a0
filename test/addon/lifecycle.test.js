// How hosts, workers and launchers end while the addon is in use, and that nothing is left.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import {
  addon,
  childrenOf,
  countDescriptors,
  open,
  processesWith,
  start,
  until,
} from './helper.js';

// Some tests wait for seconds on purpose.

const host = fileURLToPath(new URL('./fixtures/host.mjs', import.meta.url));

/**
 * Runs fixtures/host.mjs; tells how it ended, what it printed, and that no guest of it is left.
 * @param {string} how @param {{ nodeArgs?: string[], before?: string }} [extra]
 */
async function end(how, { nodeArgs = [], before = '' } = {}) {
  const word = randomUUID();
  const command = `${before} exec "$@"`;
  const args = ['-c', command, 'sh', process.execPath, ...nodeArgs, host, how, word];
  const child = spawn('/bin/sh', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (data) => (output += data));
  child.stderr.on('data', (data) => (errors += data));
  const [code, signal] = await once(child, 'close');
  const gone = await until(() => processesWith(word).length === 0, 3000);
  return { code, signal, output, errors, gone };
}

t.test('a runner alone does not keep the host alive, a pending run does', async (t) => {
  t.match(await end('idle'), { code: 0, gone: true, errors: '' });
  t.match(await end('idle after a run'), { code: 0, gone: true, errors: '' });
  t.match(await end('pending run'), { code: 0, gone: true, output: 'settled 3\n' });
});

t.test('guests that were started ahead do not keep the host alive, nor outlive it', async (t) => {
  t.match(await end('guests that wait'), { code: 0, gone: true, output: '', errors: '' });
  t.match(await end('kill beside guests that wait'), { signal: 'SIGKILL', gone: true, output: '' });
  const nothing = 'children 0\ngone true\n';
  t.match(await end('worker with guests that wait'), { code: 0, output: nothing, errors: '' });
});

t.test('closing settles the runs and then tells', async (t) => {
  t.match(await end('close'), { code: 0, gone: true, output: 'settled true 0\n' });
  t.match(await end('close when idle'), { code: 0, gone: true, output: 'closed 0\n' });
});

t.test('a host that ends in mid-run leaves no process', async (t) => {
  t.match(await end('exit'), { code: 0, gone: true });
  t.match(await end('exit at once'), { code: 0, gone: true });
  t.match(await end('kill'), { signal: 'SIGKILL', gone: true });
});

t.test('an exception of a callback is an uncaught one', async (t) => {
  t.match(await end('throw'), { code: 0, output: 'uncaught mine\n', gone: true });
});

t.test('a runner that is dropped is closed, one with a pending run is kept', async (t) => {
  const nodeArgs = ['--expose-gc'];
  t.match(await end('collect', { nodeArgs }), { code: 0, output: 'children 0\n', gone: true });
  const kept = await end('collect in mid-run', { nodeArgs });
  t.match(kept, { code: 0, output: 'settled 5\n', gone: true });
});

t.test('a worker that ends leaves nothing', async (t) => {
  const nothing = 'children 0\ngone true\n';
  t.match(await end('worker'), { code: 0, output: nothing, errors: '' });
  t.match(await end('worker that exits'), { code: 0, output: nothing, errors: '' });
  const stuck = await end('worker with a launcher that is stuck');
  t.match(stuck, { code: 0, output: nothing, errors: '' });
  t.match(await end('worker at any moment'), { code: 0, output: nothing, errors: '' });
});

t.test('several workers use the addon at once', async (t) => {
  t.match(await end('workers'), { code: 0, output: 'codes 0,0,0,0\n', gone: true, errors: '' });
});

t.test('descriptors 0 to 2 closed, SIGCHLD ignored', async (t) => {
  t.match(await end('pending run', { before: 'exec 0<&- 2>&-;' }), { output: 'settled 3\n' });
  t.match(await end('pending run', { before: "trap '' CHLD;" }), { output: 'settled 3\n' });
});

t.test('a launcher that is killed', async (t) => {
  const before = countDescriptors();
  const { runner, closed } = open();
  const [launcher] = childrenOf(process.pid);
  let asleep = 0;
  const onLogs = () => {
    if (++asleep === 3) process.kill(launcher, 'SIGKILL');
  };
  const runs = [1, 2, 3].map(() => start(runner, { act: 'sleep', stubborn: true }, { onLogs }));
  const outcomes = await Promise.all(runs.map(({ done }) => done));
  for (const outcome of outcomes) {
    t.match(outcome, { kind: 'launcher-lost', exitCode: null, signal: null, usage: null });
    t.same(outcome.logs, ['asleep']);
  }
  t.match(await closed, { signal: 'SIGKILL', stage: null });
  t.throws(() => start(runner, { act: 'echo' }), { code: 'ERR_SBX_CLOSED' });
  addon.closeRunner(runner);
  for (const { run } of runs) addon.endRun(run, true);
  const gone = () => outcomes.every(({ pid }) => !fs.existsSync(`/proc/${pid}`));
  t.ok(await until(gone), 'its guests end with it');
  t.equal(countDescriptors(), before);
});

t.test('a launcher that is killed at any moment', async (t) => {
  const before = countDescriptors();
  for (let i = 0; i < 30; i++) {
    const { runner, closed } = open({ execPath: '/bin/true', argv: ['true'] });
    const [launcher] = childrenOf(process.pid);
    const timer = setTimeout(() => process.kill(launcher, 'SIGKILL'), i / 2);
    const outcomes = [];
    try {
      for (;;) outcomes.push(...(await Promise.all([1, 2, 3].map(() => start(runner, {}).done))));
    } catch (error) {
      t.match(error, { code: 'ERR_SBX_CLOSED' });
    }
    clearTimeout(timer);
    t.match(await closed, { signal: 'SIGKILL' });
    t.ok(outcomes.every(({ kind }) => kind === 'exit' || kind === 'launcher-lost'));
    t.ok(outcomes.slice(-3).some(({ kind }) => kind === 'launcher-lost'));
  }
  t.same(childrenOf(process.pid), []);
  t.equal(countDescriptors(), before);
});

t.test('a launcher that does not read makes runs wait', async (t) => {
  const { runner, close } = open({ execPath: '/bin/true', argv: ['true'] });
  await start(runner, {}).done;
  const [launcher] = childrenOf(process.pid);
  process.kill(launcher, 'SIGSTOP');
  t.teardown(() => fs.existsSync(`/proc/${launcher}`) && process.kill(launcher, 'SIGCONT'));
  // More than a socket buffer takes: a RUN message has 4 KiB.
  const runs = Array.from({ length: 150 }, () => start(runner, {}, { collectLogs: false }));
  const [ended] = runs.splice(-1);
  addon.endRun(ended.run, true);
  let settled = 0;
  for (const { done } of runs) void done.then(() => settled++);
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal(settled, 0);
  process.kill(launcher, 'SIGCONT');
  const outcomes = await Promise.all(runs.map(({ done }) => done));
  t.ok(outcomes.every(({ kind, exitCode }) => kind === 'exit' && exitCode === 0));
  t.equal((await ended.done).kind, 'exit');
  await close();
});

t.test('a run whose guest is long in coming is not lost', async (t) => {
  const { runner, close } = open({ timeoutMs: 100, graceMs: 0 });
  const [launcher] = childrenOf(process.pid);
  process.kill(launcher, 'SIGSTOP');
  t.teardown(() => fs.existsSync(`/proc/${launcher}`) && process.kill(launcher, 'SIGCONT'));
  const { done } = start(runner, { act: 'sleep' });
  // A run that has started is given up sooner than that.
  await new Promise((resolve) => setTimeout(resolve, 5500));
  process.kill(launcher, 'SIGCONT');
  t.match(await done, { kind: 'exit', reason: 'timeout' });
  await close();
});

t.test('a launcher that hangs is killed', async (t) => {
  const stuck = open({ timeoutMs: 2000 });
  const launchers = childrenOf(process.pid);
  t.equal(launchers.length, 1);
  const onLogs = () => process.kill(launchers[0], 'SIGSTOP');
  const outcome = await start(stuck.runner, { act: 'sleep' }, { onLogs }).done;
  t.match(outcome, { kind: 'launcher-lost' });
  t.match(await stuck.closed, { signal: 'SIGKILL' });

  const idle = open();
  for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGSTOP');
  t.match(await idle.close(), { signal: 'SIGKILL' });
});

t.test('a blocked event loop does not make a run late', async (t) => {
  const { runner, close } = open({ timeoutMs: 100, graceMs: 0 });
  const { done } = start(runner, { act: 'sleep' });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5500);
  t.match(await done, { kind: 'exit', reason: 'timeout' });
  await close();
});

t.test('closing twice, and from inside of callbacks', async (t) => {
  const first = open();
  await Promise.all([first.close(), first.close()]);
  await first.close();

  const second = open();
  const outcome = await new Promise((resolve) => {
    const onLogs = () => addon.closeRunner(second.runner);
    start(second.runner, { act: 'sleep', stubborn: true }, { onLogs }).done.then((o) => {
      addon.closeRunner(second.runner);
      resolve(o);
    });
  });
  t.match(outcome, { logs: ['asleep'], exitCode: null });
  t.match(await second.closed, { exitCode: 0 });
});

const limit = Number(
  /Max open files\s+(\d+)/.exec(fs.readFileSync('/proc/self/limits', 'utf8'))?.[1],
);
const skip = limit <= 70_000 ? false : 'RLIMIT_NOFILE is too high to exhaust';

t.test('no descriptors left', { skip }, async (t) => {
  const { runner, close } = open({ execPath: '/bin/true', argv: ['true'] });
  /** @type {number[]} */
  const held = [];
  t.teardown(() => held.forEach((fd) => fs.closeSync(fd)));
  for (;;) {
    try {
      held.push(fs.openSync('/dev/null', 'r'));
    } catch {
      break;
    }
  }
  // With every number of spare descriptors the run either starts or is refused whole.
  let refused = 0;
  for (let spare = 0; spare < 10; spare++) {
    try {
      t.match(await start(runner, {}).done, { exitCode: 0 });
    } catch (error) {
      refused++;
      t.match(error, { code: 'ERR_SBX_SYSTEM', errno: 'EMFILE', syscall: /socketpair|pipe2/ });
    }
    await new Promise((resolve) => setImmediate(resolve));
    fs.closeSync(/** @type {number} */ (held.pop()));
  }
  t.ok(refused >= 5 && refused < 10, `${refused} refused`);
  await close();
});
