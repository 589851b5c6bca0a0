// How reports become results: the cases that no real run provokes at will.
import t from 'tap';
import { parseConfig } from '../lib/config.js';
import { memoryLimits } from '../lib/memory.js';
import { boundMarks, toResult } from '../lib/outcome.js';

const config = parseConfig({ execution: { memoryMb: 100, cpuMs: 9 } });

/** @param {object} fields */
const outcome = (fields) => ({
  kind: 'exit',
  reason: 'none',
  exitCode: 0,
  signal: null,
  protocolError: null,
  tooLarge: false,
  result: null,
  error: null,
  notice: null,
  usage: { maxRssKb: 10_000, peakDataKb: 0 },
  marks: { boot: 1000, load: 0, execute: 0 },
  ...fields,
});
/** @param {object} fields @param {any} [ending] */
const codeOf = (fields, ending) => {
  const result = toResult(outcome(fields), { config, ending });
  return result.ok ? 'ok' : result.error.code;
};
const json = (/** @type {unknown} */ value) => Buffer.from(JSON.stringify(value));
const killed = { exitCode: null, signal: 'SIGKILL' };

t.test('what ended it from outside comes before what it says itself', async (t) => {
  const said = { result: json(1) };
  t.equal(codeOf(said), 'ok');
  t.equal(codeOf({ ...said, ...killed, reason: 'timeout' }), 'TIMEOUT');
  t.equal(codeOf({ ...said, ...killed, reason: 'cpu' }), 'CPU_LIMIT');
  t.equal(codeOf({ ...said, ...killed, reason: 'threads' }), 'THREAD_LIMIT');
  t.equal(codeOf({ ...said, ...killed, reason: 'memory' }), 'MEMORY_LIMIT');
  t.equal(codeOf({ ...said, ...killed, reason: 'lost' }), 'PROCESS_CRASHED');
  t.equal(
    codeOf({ ...said, ...killed, reason: 'term' }, { code: 'ABORTED', message: '' }),
    'ABORTED',
  );
  t.equal(
    codeOf({ ...said, ...killed, reason: 'term' }, { code: 'DISPOSED', message: '' }),
    'DISPOSED',
  );
  t.equal(codeOf({ ...said, ...killed, reason: 'kill' }), 'PROCESS_CRASHED');
  t.equal(codeOf({ error: json({ code: 'HANDLER_ERROR' }), reason: 'timeout' }), 'TIMEOUT');
});

t.test("a Node.js that did not come up is not the handler's", async (t) => {
  const marks = { boot: 0, load: 0, execute: 0 };
  const { error } = /** @type {any} */ (toResult(outcome({ marks, exitCode: 127 }), { config }));
  t.match(error, {
    code: 'PROCESS_CRASHED',
    message: /exit code 127 before it had started; the dynamic loader did not find a library/,
    details: { exitCode: 127, phase: 'boot' },
  });
  t.equal(codeOf({ marks, exitCode: 9 }), 'PROCESS_CRASHED');
  t.equal(codeOf({ exitCode: 127 }), 'HANDLER_EXIT');
  const forked = toResult(outcome({ marks, exitCode: 127 }), { config, fork: true });
  t.match(forked, { error: { code: 'HANDLER_EXIT' } });
});

t.test('out of memory, by its traces', async (t) => {
  const died = (/** @type {string} */ signal, maxRssKb = 0, peakDataKb = 0, notice = null) =>
    codeOf({ exitCode: null, signal, usage: { maxRssKb, peakDataKb }, notice });
  const nearKb = config.execution.memoryMb * 1024 * 0.8;
  t.equal(died('SIGSEGV', nearKb), 'MEMORY_LIMIT');
  const dataKb = memoryLimits(config.execution.memoryMb).dataBytes / 1024;
  t.equal(died('SIGSEGV', 0, dataKb * 0.8), 'MEMORY_LIMIT');
  t.equal(died('SIGSEGV', nearKb / 2, dataKb / 2), 'PROCESS_CRASHED');
  t.equal(died('SIGABRT', 38_000, 38_000), 'PROCESS_CRASHED');
  t.equal(died('SIGTRAP', 38_000, 38_000), 'PROCESS_CRASHED');
  t.equal(
    died('SIGABRT', 90_000, 90_000, /** @type {any} */ (json({ kind: 'abort' }))),
    'PROCESS_CRASHED',
  );
  t.equal(died('SIGKILL', 90_000), 'PROCESS_CRASHED');
  t.equal(codeOf({ exitCode: null, signal: 'SIGSEGV', usage: null }), 'PROCESS_CRASHED');
});

t.test('what a guest printed last says why it aborted', async (t) => {
  const { memoryMb } = config.execution;
  const died = (/** @type {string[]} */ lines, maxRssKb = 1000, signal = 'SIGABRT') => {
    const usage = { maxRssKb, peakDataKb: 0 };
    const printed = () => lines;
    const result = toResult(outcome({ exitCode: null, signal, usage }), { config, printed });
    return result.ok ? undefined : result.error;
  };
  for (const line of [
    'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
    '# Fatal process out of memory: Zone',
    "terminate called after throwing an instance of 'std::bad_alloc'",
  ]) {
    const stack = Array.from({ length: 40 }, (_, i) => ` ${i}: 0xb85bc0 node::Abort()`);
    t.equal(died(['hello', line, ...stack])?.code, 'MEMORY_LIMIT', line);
    t.equal(died([line], 1000, 'SIGINT')?.code, 'PROCESS_CRASHED', 'not by that signal');
  }
  for (const line of [
    "node: addon.c:7: init: Assertion `length > 0' failed.",
    'free(): invalid pointer',
    '# Check failed: IsOnHeap().',
    "terminate called after throwing an instance of 'std::runtime_error'",
  ]) {
    const error = died([line], memoryMb * 1024);
    t.match(error, { code: 'PROCESS_CRASHED', details: { signal: 'SIGABRT', lastLines: [line] } });
  }
  const many = Array.from({ length: 1000 }, (_, i) => `${i}\u001b[2J${'x'.repeat(5000)}`);
  const { lastLines } = /** @type {any} */ (died(many)).details;
  t.equal(lastLines.length, 10, 'so many lines');
  t.ok(lastLines[9].startsWith('999\\u001b[2J'), 'the newest, harmless to a terminal');
  t.ok(
    lastLines.every((/** @type {string} */ line) => line.length < 600),
    'and no longer ones',
  );
});

t.test('what could not be started', async (t) => {
  const setup = { kind: 'setup', errno: 'ENOENT', message: 'm', usage: null };
  t.equal(codeOf({ ...setup, stage: 'workdir' }), 'VALIDATION_ERROR');
  const result = toResult(outcome({ ...setup, stage: 'exec' }), { config });
  t.match(result, {
    ok: false,
    error: { code: 'PROCESS_CRASHED', details: { stage: 'exec', errno: 'ENOENT' } },
  });
});

t.test('what a guest sends is not believed', async (t) => {
  t.equal(codeOf({ result: Buffer.from('{"a":') }), 'PROCESS_CRASHED');
  t.equal(codeOf({ error: Buffer.from('{"a":') }), 'PROCESS_CRASHED');
  t.equal(codeOf({ error: json(null) }), 'HANDLER_ERROR');
  t.equal(codeOf({ error: json({ code: 'DISPOSED' }) }), 'HANDLER_ERROR');
  t.equal(codeOf({ error: json({ code: 'RESULT_TOO_LARGE' }) }), 'RESULT_TOO_LARGE');
  t.equal(codeOf({ notice: Buffer.from('noise'), exitCode: 3 }), 'HANDLER_EXIT');
  t.equal(codeOf({ notice: json(null), exitCode: 3 }), 'HANDLER_EXIT');
});

t.test('a fork that ended while it loaded was ready when it began', async (t) => {
  const none = { boot: 0, load: 0, execute: 0 };
  const times = { begunAt: 100, endedAt: 200, forkedAt: 130 };
  t.same(boundMarks(none, times), { ...none, boot: 130 });
  t.same(boundMarks(none, { ...times, forkedAt: 0 }), none, 'it says nothing of others');
  t.same(
    boundMarks({ ...none, boot: 140 }, times),
    { ...none, boot: 140 },
    'its own word is finer',
  );
});
