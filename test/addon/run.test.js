// Runs of the addon, with a guest that speaks the frames by hand.
import fs from 'node:fs';
import { AsyncLocalStorage } from 'node:async_hooks';
import path from 'node:path';
import t from 'tap';
import { addon, launcherFile, open, options, policy, start } from './helper.js';

t.test('a run returns the result, the marks and how it ended', async (t) => {
  const { runner, close } = open();
  const input = Buffer.from('{"a":1}');
  const outcome = await start(runner, { act: 'echo' }, { input }).done;
  t.match(outcome, { kind: 'exit', reason: 'none', exitCode: 0, signal: null });
  t.match(outcome, { stage: null, errno: null, message: null, protocolError: null });
  t.match(outcome, { tooLarge: false, error: null, notice: null, spans: [], samples: [] });
  t.same(outcome.result, input);
  t.same(outcome.marks, { boot: 1000, load: 2000, execute: 3000 });
  t.ok(outcome.pid > 0);
  t.ok(outcome.startedAt > 0 && outcome.endedAt >= outcome.startedAt);
  t.ok(outcome.usage.userUs + outcome.usage.systemUs > 0);
  t.ok(outcome.usage.maxRssKb > 1000);
  t.match(await close(), { exitCode: 0, signal: null, stage: null });
});

t.test('the first answer wins', async (t) => {
  const { runner, close } = open();
  const outcome = await start(runner, { act: 'error' }).done;
  t.equal(outcome.error.toString(), '{"message":"no"}');
  t.equal(outcome.notice.toString(), '{"kind":"exit","code":1}');
  t.equal(outcome.result, null);
  t.equal(outcome.protocolError, null);
  await close();
});

t.test('what comes after the answer is read and dropped', async (t) => {
  const { runner, close } = open();
  const outcome = await start(runner, { act: 'flowing' }, { maxResultBytes: 1000 }).done;
  t.equal(outcome.result.toString(), 'mine');
  t.match(outcome, { protocolError: null, tooLarge: false, exitCode: 0 });
  await close();
});

t.test('stdout, stderr and messages become lines', async (t) => {
  const { runner, close } = open();
  /** @type {any[]} */
  const live = [];
  const onLogs = (/** @type {any[]} */ lines) => live.push(...lines);
  const before = Date.now();
  const outcome = await start(runner, { act: 'print' }, { onLogs }).done;
  t.same(outcome.logs.toSorted(), ['a warning', 'err 1', 'out 1', 'out 2']);
  t.equal(outcome.logsDropped, 0);
  t.equal(outcome.result.length, 0);
  t.same(live.map(([, level, text]) => [text, level]).sort(), [
    ['a warning', 2],
    ['err 1', 3],
    ['out 1', 1],
    ['out 2', 1],
  ]);
  t.ok(live.every(([time]) => time >= before - 1 && time <= Date.now() + 1));
  await close();
});

t.test('without collectLogs the output goes nowhere', async (t) => {
  const { runner, close } = open();
  const outcome = await start(runner, { act: 'print' }, { collectLogs: false }).done;
  t.match(outcome, { exitCode: 0, logs: [], logsDropped: 0 });
  t.equal(outcome.logs.length, 0);
  t.equal(outcome.result.length, 0);
  await close();
});

t.test('every line of a fast writer is shown live, in order', async (t) => {
  const { runner, close } = open();
  /** @type {string[]} */
  const live = [];
  const onLogs = (/** @type {any[]} */ lines) => live.push(...lines.map((line) => line[2]));
  await start(runner, { act: 'lines', count: 20_000 }, { onLogs, logBytes: 0 }).done;
  t.equal(live.length, 20_000);
  t.ok(live.every((text, i) => text === `line ${i}`));
  await close();
});

t.test('a message of a million newlines is not shown line by line', async (t) => {
  const { runner, close } = open();
  /** @type {any[]} */
  const live = [];
  const onLogs = (/** @type {any[]} */ lines) => live.push(...lines);
  const request = { act: 'newlines', count: 1_000_000 };
  const outcome = await start(runner, request, { onLogs }).done;
  t.equal(outcome.result.length, 0);
  t.ok(live.length < 20_000, `${live.length} lines`);
  t.match(live.at(-1), [Number, 2, /more lines/]);
  await close();
});

t.test('64 MiB travel in both directions', async (t) => {
  const { runner, close } = open();
  const input = Buffer.alloc(64 << 20, 'abcdefg');
  const outcome = await start(runner, { act: 'echo' }, { input }).done;
  t.equal(outcome.result.length, input.length);
  t.ok(outcome.result.equals(input));
  await close();
});

t.test('a guest that does not read its input is no error', async (t) => {
  const { runner, close } = open();
  const input = Buffer.alloc(8 << 20);
  const outcome = await start(runner, { act: 'error' }, { input }).done;
  t.equal(outcome.error.toString(), '{"message":"no"}');
  await close();
});

t.test('a result over the limit kills the guest', async (t) => {
  const { runner, close } = open();
  const extra = { maxResultBytes: 1000 };
  const over = await start(runner, { act: 'announce', size: 1001 }, extra).done;
  t.match(over, {
    tooLarge: true,
    reason: 'kill',
    signal: 'SIGKILL',
    exitCode: null,
    result: null,
  });
  t.equal(over.protocolError, null);
  const exact = await start(runner, { act: 'big', size: 1000 }, extra).done;
  t.match(exact, { tooLarge: false, exitCode: 0 });
  t.equal(exact.result.length, 1000);
  await close();
});

t.test('what a guest merely announces is not allocated', async (t) => {
  const { runner, close } = open({ timeoutMs: 300 });
  const extra = { maxResultBytes: 2 ** 32 - 1 };
  const before = process.memoryUsage().rss;
  const runs = Array.from({ length: 8 }, () =>
    start(runner, { act: 'announce', size: 2 ** 32 - 1 }, extra),
  );
  for (const outcome of await Promise.all(runs.map(({ done }) => done)))
    t.match(outcome, { reason: 'timeout', result: null, tooLarge: false });
  t.ok(process.memoryUsage().rss - before < 64 << 20);
  await close();
});

t.test('a guest that breaks the protocol is killed', async (t) => {
  const { runner, close } = open();
  const cases = {
    'unknown version': ['0000000002150000', /version/],
    'reserved bits': ['0000000001150100', /version/],
    'unknown type': ['0000000001630000', /type/],
    'a type that only the host sends': ['0000000001010000', /type/],
    'a mark that is too long': ['0a00000001100000', /longer/],
    'a mark that is too short': ['010000000110000001', /MARK/],
    'a mark of no phase': ['0900000001100000' + '04' + '0000000000408f40', /MARK/],
    'a mark that is not a number': ['0900000001100000' + '01' + '000000000000f87f', /MARK/],
    'a log line of no level': ['0100000001110000' + '04', /LOG/],
    'an empty log frame': ['0000000001110000', /LOG/],
    garbage: ['ff'.repeat(4096), /version/],
  };
  for (const [name, [hex, text]] of Object.entries(cases)) {
    const outcome = await start(runner, { act: 'raw', hex }).done;
    t.match(
      outcome,
      { kind: 'exit', reason: 'kill', signal: 'SIGKILL', protocolError: text },
      name,
    );
    t.equal(outcome.result, null, name);
  }
  await close();
});

t.test('pieces', async (t) => {
  const { runner, close } = open();
  const piece = '0300000001180000' + '00' + Buffer.from('[]').toString('hex');
  const unasked = await start(runner, { act: 'raw', hex: piece }).done;
  t.match(unasked, { protocolError: /type/ }, 'nobody takes them');

  /** @type {unknown[]} */
  const came = [];
  const onPieces = (/** @type {unknown[]} */ list) => came.push(...list);
  const result = '0100000001150000' + '37';
  const hex = piece + piece.replace('00' + '5b5d', '02' + 'c3a9') + result;
  const asked = start(runner, { act: 'raw', hex }, { onPieces, input: '' });
  await new Promise((resolve) => {
    const wait = setInterval(() => {
      if (came.length === 4) resolve(clearInterval(wait));
    }, 10);
  });
  addon.endRun(asked.run, true);
  t.equal((await asked.done).result, '7');
  t.same(came, [0, '[]', 2, 'é']);

  const echoed = start(runner, { act: 'echo' }, { input: undefined });
  t.throws(() => addon.sendPiece(echoed.run, 4, 'x'), { code: 'ERR_INVALID_ARG_TYPE' });
  t.throws(() => addon.sendPiece(echoed.run, 0, 1), { code: 'ERR_INVALID_ARG_TYPE' });
  t.throws(() => addon.sendPiece(echoed.run, 0), { code: 'ERR_MISSING_ARGS' });
  t.throws(() => addon.sendPiece({}, 0, 'x'), { code: 'ERR_INVALID_ARG_TYPE' });
  t.equal(addon.sendPiece(echoed.run, 3, 'é'), true);
  t.equal((await echoed.done).result, 'é');
  t.equal(addon.sendPiece(echoed.run, 3, 'x'), false, 'it is over');

  // What a guest does not read is kept, and goes with it.
  const deaf = start(runner, { act: 'sleep' }, { input: undefined });
  for (let i = 0; i < 100; i++) addon.sendPiece(deaf.run, 2, 'x'.repeat(1 << 18));
  t.ok(addon.runnerMemory(runner) > 16 << 20);
  addon.endRun(deaf.run, true);
  t.match(await deaf.done, { reason: 'kill' });
  t.ok(addon.runnerMemory(runner) < 1 << 20);
  await close();
});

t.test('spans are kept up to 1,000', async (t) => {
  const { runner, close } = open();
  const outcome = await start(runner, { act: 'spans', count: 1234 }).done;
  t.equal(outcome.spans.length, 1000);
  t.equal(outcome.spansDropped, 234);
  t.equal(outcome.spans[999].toString(), '999');
  await close();
});

t.test('exit codes, timeouts and endRun', async (t) => {
  // Time enough to start, and to end, on a busy machine.
  const patient = open({ timeoutMs: 3000, graceMs: 60_000 });
  t.match(await start(patient.runner, { act: 'sleep' }).done, { exitCode: 0, reason: 'timeout' });
  await patient.close();
  const { runner, close } = open({ timeoutMs: 3000, graceMs: 50 });
  t.match(await start(runner, { act: 'exit', code: 42 }).done, { exitCode: 42, reason: 'none' });
  const stubborn = await start(runner, { act: 'sleep', stubborn: true }).done;
  t.match(stubborn, { signal: 'SIGKILL', reason: 'timeout', exitCode: null });

  for (const now of [false, true]) {
    const asleep = start(runner, { act: 'sleep' }, { onLogs: () => addon.endRun(asleep.run, now) });
    const outcome = await asleep.done;
    t.match(outcome, now ? { reason: 'kill', signal: 'SIGKILL' } : { reason: 'term', exitCode: 0 });
    addon.endRun(asleep.run, now);
  }
  const early = start(runner, { act: 'sleep' });
  addon.endRun(early.run, true);
  t.match(await early.done, { reason: 'kill' });
  await close();
});

t.test('a failed setup is told apart from an exit', async (t) => {
  const { runner, close } = open();
  const outcome = await start(runner, { act: 'echo' }, { workdir: '/nonexistent/dir' }).done;
  t.match(outcome, { kind: 'setup', stage: 'workdir', errno: 'ENOENT', message: String });
  t.match(outcome, { exitCode: null, signal: null, usage: null, pid: 0, startedAt: 0 });
  await close();
  const other = open({ execPath: '/nonexistent/node' });
  const failed = await start(other.runner, { act: 'echo' }).done;
  t.match(failed, { kind: 'setup', stage: 'exec', errno: 'ENOENT' });
  await other.close();
});

t.test('onDone is not called from inside startRun and keeps the async context', async (t) => {
  const { runner, close } = open();
  const storage = new AsyncLocalStorage();
  let inside = true;
  const done = new Promise((resolve) => {
    const extra = {
      onDone: () => resolve([inside, storage.getStore()]),
    };
    storage.run('mine', () =>
      addon.startRun(runner, { ...options({ act: 'exit', code: 0 }), ...extra }),
    );
    inside = false;
  });
  t.same(await done, [false, 'mine']);
  await close();
});

t.test('the sampler gives a series', async (t) => {
  const { runner, close } = open({ timeoutMs: 500 });
  const outcome = await start(runner, { act: 'sleep' }, { sampleMs: 20 }).done;
  t.ok(outcome.samples.length >= 5, `${outcome.samples.length} samples`);
  const [first, last] = [outcome.samples[0], outcome.samples.at(-1)];
  t.ok(first[0] >= outcome.startedAt - 1 && last[0] <= outcome.endedAt + 1);
  t.ok(last[1] > 10_000 && last[1] < 500_000, `${last[1]} KiB`);
  t.ok(last[2] > 0);
  await close();
});

t.test('bad arguments are TypeErrors that name the property', async (t) => {
  const { runner, close } = open();
  const onDone = () => t.fail('onDone of a run that was refused');
  const good = { ...options({ act: 'exit' }), onDone };
  const bad = {
    workdir: [1, 'a\0b', 'x'.repeat(5000)],
    grants: [undefined, 'r/tmp', [1], ['r/a\0b']],
    traceparent: [undefined, 'x'.repeat(56)],
    maxResultBytes: ['1', NaN, -1, 1.5, 2 ** 32, Infinity],
    collectLogs: [1, undefined],
    logBytes: [-1, null],
    sampleMs: [NaN, -5],
    request: ['text', new Uint16Array(2), new ArrayBuffer(2)],
    input: [null, {}],
    onDone: [undefined, {}],
    onLogs: [null, 'x'],
  };
  for (const [key, values] of Object.entries(bad)) {
    for (const value of values) {
      const error = { name: 'TypeError', code: /^ERR_INVALID_ARG_/, message: new RegExp(key) };
      t.throws(() => addon.startRun(runner, { ...good, [key]: value }), error, key);
    }
  }
  const type = { code: 'ERR_INVALID_ARG_TYPE' };
  const long = Array.from({ length: 100 }, () => `r/${'x'.repeat(500)}`);
  const tooLong = { name: 'RangeError', code: 'ERR_SBX_GRANTS' };
  t.throws(() => addon.startRun(runner, { ...good, grants: long }), tooLong);
  t.throws(() => addon.startRun({}, good), type);
  t.throws(() => addon.startRun(runner, undefined), type);
  t.throws(() => addon.startRun(runner), { code: 'ERR_MISSING_ARGS' });
  t.throws(() => addon.endRun(runner, true), type);
  t.throws(() => addon.closeRunner({}), type);
  const thrower = Object.defineProperty({ ...good }, 'input', {
    get() {
      throw new RangeError('mine');
    },
  });
  t.throws(() => addon.startRun(runner, thrower), { name: 'RangeError', message: 'mine' });
  await close();
  t.throws(() => addon.startRun(runner, good), { code: 'ERR_SBX_CLOSED' });

  const bare = { launcher: launcherFile, onClose() {} };
  for (const [key, value] of Object.entries({ timeoutMs: 0, argv: [1], env: 'x', execPath: 1 })) {
    const options_ = { ...bare, policy: policy({ [key]: value }) };
    t.throws(() => addon.openRunner(options_), { name: 'TypeError', message: new RegExp(key) });
  }
  t.throws(() => addon.openRunner({ ...bare, launcher: '/nonexistent', policy: policy() }), {
    code: 'ERR_SBX_SYSTEM',
    errno: 'ENOENT',
    syscall: 'spawn',
  });
});

t.test('a flood on both streams leaves the memory of the host flat', async (t) => {
  const { runner, close } = open({ timeoutMs: 2000, graceMs: 10 });
  const before = process.memoryUsage().rss;
  let ticks = 0;
  const timer = setInterval(() => ticks++, 10);
  const outcome = await start(runner, { act: 'flood' }, { logBytes: 1 << 20 }).done;
  clearInterval(timer);
  t.equal(outcome.reason, 'timeout');
  t.ok(outcome.logsDropped > 10_000, `${outcome.logsDropped} lines dropped`);
  t.ok(outcome.logs.length > 100 && outcome.logs.length < 20_000);
  t.ok(process.memoryUsage().rss - before < 30 << 20);
  // Who reads until there is nothing more gives the loop back to nobody.
  t.ok(ticks > 2, `the event loop turned: ${ticks} timers`);
  await close();
});

t.test('a thousand runs leave descriptors and memory where they were', async (t) => {
  const { runner, close } = open({ execPath: '/bin/true', argv: ['true'] });
  const descriptors = () => fs.readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 20; i++) await start(runner, {}).done;
  const before = descriptors();
  for (let i = 0; i < 1000; i++) await start(runner, {}).done;
  t.equal(descriptors(), before);
  await close();
  t.ok(descriptors() < before);
});

t.test('200 runs at once all settle', async (t) => {
  const { runner, close } = open({ execPath: '/bin/true', argv: ['true'] });
  const runs = Array.from({ length: 200 }, () => start(runner, {}).done);
  for (const outcome of await Promise.all(runs)) t.match(outcome, { kind: 'exit', exitCode: 0 });
  await close();
});

t.test('stampFiles() tells whether files are as they were', async (t) => {
  const dir = t.testdir({ a: '1' });
  const file = path.join(dir, 'a');
  const paths = Buffer.from([file, path.join(dir, 'b'), dir].map((at) => `${at}\0`).join(''));
  const stamps = new Uint8Array(3 * 56);
  t.equal(addon.stampFiles({ paths, stamps }), false, 'not known yet');
  t.equal(addon.stampFiles({ paths, stamps }), true);
  fs.writeFileSync(path.join(dir, 'b'), '');
  t.equal(addon.stampFiles({ paths, stamps }), false, 'one has come');
  t.equal(addon.stampFiles({ paths, stamps }), true);
  fs.utimesSync(file, 1, 1);
  t.equal(addon.stampFiles({ paths, stamps }), false, 'one has changed');
  t.equal(addon.stampFiles({ paths: new Uint8Array(0), stamps: new Uint8Array(0) }), true);
  for (const bad of [
    {},
    { paths, stamps: new Uint8Array(3 * 56 - 1) },
    { paths: Buffer.from('/etc'), stamps: new Uint8Array(0) },
    { paths: Buffer.from('/etc\0x'), stamps: new Uint8Array(56) },
  ])
    t.throws(() => addon.stampFiles(bad));
});

t.test('stampFilesLater() takes the same stamps on another thread', async (t) => {
  const dir = t.testdir({ a: '1' });
  const names = [path.join(dir, 'a'), path.join(dir, 'b'), '/dev/zero'];
  const paths = Buffer.from(names.map((at) => `${at}\0`).join(''));
  const stamps = await addon.stampFilesLater({ paths });
  t.equal(stamps.length, 3 * 56);
  t.equal(addon.stampFiles({ paths, stamps }), true);
  fs.chmodSync(names[0], 0o600);
  t.notOk(stamps.equals(await addon.stampFilesLater({ paths })), 'one has changed');
  t.equal((await addon.stampFilesLater({ paths: new Uint8Array(0) })).length, 0);
  for (const bad of [{}, { paths: Buffer.from('/etc') }, { paths: '/etc' }])
    t.throws(() => addon.stampFilesLater(bad));
});
