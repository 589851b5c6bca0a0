// Guests that are started ahead of their run: what they are before it begins, and that it is none other
// than one whose guest was started with it.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import t from 'tap';
import { addon, open, options, processesWith, until } from './helper.js';

// What waits keeps nothing alive, this process neither.
const alive = setInterval(() => {}, 1000);
t.teardown(() => clearInterval(alive));

/**
 * A runner whose guests can be found.
 *
 * @param {object} [fields] of its policy
 */
function setUp(fields) {
  const word = randomUUID();
  const opened = open({ env: [`SBX_TEST_WORD=${word}`], ...fields });
  return { ...opened, guests: () => processesWith(word) };
}

/** @param {any} runner @param {object} [extra] */
function wait(runner, extra) {
  /** @type {(outcome: any) => void} */
  let onDone = () => {};
  const done = new Promise((resolve) => (onDone = resolve));
  const { workdir, grants, collectLogs } = options({});
  const where = { workdir, grants, collectLogs, fork: false, ahead: true, onDone, ...extra };
  return { spare: addon.startRun(runner, where), done };
}

/** @param {any} spare @param {object} request @param {object} [extra] @returns {Promise<any>} */
function begin(spare, request, extra) {
  return new Promise((resolve, reject) => {
    try {
      addon.beginRun(spare, { ...options(request, extra), onDone: resolve });
    } catch (error) {
      reject(error);
    }
  });
}

const rest = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

t.test('its run is as any other', async (t) => {
  const { runner, close, guests } = setUp();
  const { spare } = wait(runner);
  t.ok(await until(() => guests().length === 1, 20_000));
  const [pid] = guests();
  const before = Date.now();
  const input = Buffer.from('{"a":1}');
  const outcome = await begin(spare, { act: 'echo' }, { input });
  t.match(outcome, { kind: 'exit', reason: 'none', exitCode: 0, protocolError: null });
  t.same(outcome.result, input);
  t.equal(outcome.pid, pid, 'it is the guest that waited');
  t.ok(outcome.startedAt >= before - 1, 'which starts with its run');
  t.ok(outcome.usage.userUs > 0);
  t.rejects(begin(spare, { act: 'echo' }), { code: 'ERR_SBX_CLOSED' }, 'it serves one');
  t.match(await close(), { exitCode: 0 });
});

t.test('a run that begins before its guest is there', async (t) => {
  const { runner, close } = setUp();
  const { spare } = wait(runner);
  const input = Buffer.alloc(3 << 20, 0x61);
  const outcome = await begin(spare, { act: 'echo' }, { input });
  t.ok(outcome.result.equals(input));
  t.ok(outcome.startedAt > 0);
  await close();
});

t.test('logs, and none', async (t) => {
  const { runner, close } = setUp();
  /** @type {string[]} */
  const live = [];
  const onLogs = (/** @type {any[]} */ rows) => live.push(...rows.map(([, , text]) => text));
  const outcome = await begin(wait(runner).spare, { act: 'print' }, { onLogs });
  t.same(outcome.logs.toSorted(), ['a warning', 'err 1', 'out 1', 'out 2']);
  t.same(live.toSorted(), ['a warning', 'err 1', 'out 1', 'out 2']);
  const { spare } = wait(runner, { collectLogs: false });
  t.same((await begin(spare, { act: 'print' })).logs, []);
  await close();
});

t.test('deadline and limits begin with the run', async (t) => {
  const { runner, close, guests } = setUp({ timeoutMs: 1500 });
  const { spare, done } = wait(runner);
  let over = false;
  void done.then(() => (over = true));
  t.ok(await until(() => guests().length === 1, 20_000));
  await rest(2000);
  t.notOk(over, 'it may wait for longer than a run may take');
  const begun = Date.now();
  const outcome = await begin(spare, { act: 'sleep', stubborn: true });
  t.match(outcome, { kind: 'exit', reason: 'timeout', signal: 'SIGKILL' });
  t.ok(Date.now() - begun >= 1490);
  t.ok(outcome.endedAt - outcome.startedAt >= 1490);
  await close();
});

t.test('more CPU time or memory than it may have', async (t) => {
  const cpu = setUp({ cpuMs: 300 });
  t.match(await begin(wait(cpu.runner).spare, { act: 'burn' }), { kind: 'exit', reason: 'cpu' });
  await cpu.close();
  const memory = setUp({ memoryBytes: 1 << 20 });
  const { spare } = wait(memory.runner);
  t.ok(await until(() => memory.guests().length === 1, 20_000));
  await rest(200);
  t.equal(memory.guests().length, 1, 'nobody has looked yet');
  t.match(await begin(spare, { act: 'sleep', stubborn: true }), { reason: 'memory' });
  await memory.close();
});

t.test('one that dies before its run begins says that it never did', async (t) => {
  const { runner, close, guests } = setUp();
  const first = wait(runner);
  t.ok(await until(() => guests().length === 1, 20_000));
  process.kill(guests()[0], 'SIGKILL');
  t.match(await first.done, { kind: 'exit', signal: 'SIGKILL', startedAt: 0, pid: 0 });
  t.rejects(begin(first.spare, { act: 'echo' }), { code: 'ERR_SBX_CLOSED' });

  // Nobody has heard of its death when the run is sent.
  const second = wait(runner);
  t.ok(await until(() => guests().length === 1, 20_000));
  const [pid] = guests();
  process.kill(pid, 'SIGKILL');
  while (fs.existsSync(`/proc/${pid}`)); // Not a turn of the event loop.
  const outcome = await begin(second.spare, { act: 'echo' });
  t.match(outcome, { kind: 'exit', signal: 'SIGKILL', startedAt: 0, result: null });

  const lost = wait(runner, { workdir: '/nonexistent' });
  t.match(await lost.done, { kind: 'setup', stage: 'workdir', startedAt: 0 });
  await close();
});

t.test('it is ended on demand', async (t) => {
  const { runner, close, guests } = setUp();
  const unused = wait(runner);
  t.ok(await until(() => guests().length === 1, 20_000));
  addon.endRun(unused.spare, true);
  t.match(await unused.done, { kind: 'exit', reason: 'kill', startedAt: 0 });
  t.same(guests(), []);

  const { spare } = wait(runner);
  t.ok(await until(() => guests().length === 1, 20_000));
  const outcome = begin(spare, { act: 'sleep', stubborn: true });
  addon.endRun(spare, false);
  t.match(await outcome, { kind: 'exit', reason: 'term' });
  t.same(guests(), []);
  await close();
});

t.test('closing ends those that wait, and so does the end of the launcher', async (t) => {
  const one = setUp();
  const waiting = [wait(one.runner), wait(one.runner)];
  t.ok(await until(() => one.guests().length === 2, 20_000));
  t.match(await one.close(), { exitCode: 0, signal: null });
  for (const { done } of waiting) t.match(await done, { startedAt: 0 });
  t.same(one.guests(), []);
  t.rejects(begin(waiting[0].spare, { act: 'echo' }), { code: 'ERR_SBX_CLOSED' });
});

t.test('arguments', async (t) => {
  const { runner, close } = setUp();
  const { spare } = wait(runner);
  const type = { code: /^ERR_INVALID_ARG_/ };
  t.throws(() => addon.beginRun(spare, {}), type);
  t.throws(() => addon.beginRun(spare), { code: 'ERR_MISSING_ARGS' });
  t.throws(() => addon.beginRun(runner, { ...options({}), onDone() {} }), type);
  t.throws(() => addon.startRun(runner, { ...options({}), ahead: 1, onDone() {} }), type);
  const { done } = wait(runner, { fork: true });
  t.match(await done, { kind: 'setup', stage: 'control' }, 'a forked one has spares of its own');
  t.match(await begin(spare, { act: 'echo' }), { exitCode: 0 }, 'it waits all the same');
  await close();
});
