// How a run ends: one RESULT, one ERROR, or a NOTICE of the way out that it took.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { run } from './helper.js';

/** @param {string} name @param {object} [request] @param {object} [options] */
const call = (name, request, options) => run({ export: name, ...request }, options);

t.test('results', async (t) => {
  t.equal((await call('thenable')).data, 'twice', 'thenables are awaited');
  t.same((await call('isUndefined')).data, { undefined: true, arguments: true });
  for (const name of ['undefinedResult', 'toJsonUndefined']) {
    const r = await call(name);
    t.same(r.results, [''], `${name}: an empty frame is undefined`);
  }
  const left = await call('leftovers');
  t.equal(left.data, 'done');
  t.equal(left.code, 0, 'ends at once, whatever is left running');
  t.equal(left.stdout, 'exit listener\n', 'and runs nothing of the handler but this');
});

t.test('what was printed before the end is not lost to a slow reader', async (t) => {
  const r = await call(
    'print',
    {},
    {
      // Nobody reads while a guest that did not wait for its output would be gone.
      beforeReading: (child) => Promise.race([once(child, 'exit'), sleep(500)]),
    },
  );
  t.equal(r.data, 'printed');
  t.equal(r.stdout.length, 2_000_000);
  t.equal(r.stderr, 'last words\n');
});

t.test('RESULT_TOO_LARGE at the byte', async (t) => {
  const fits = await call('big', { maxResultBytes: 100 }, { input: '100' });
  t.equal(fits.results[0].length, 100);
  const over = await call('big', { maxResultBytes: 100 }, { input: '101' });
  t.match(over.error, { code: 'RESULT_TOO_LARGE', details: { bytes: 101, limit: 100 } });
  t.same(over.results, []);
  const wide = await call('bigMultibyte', { maxResultBytes: 100 }, { input: '40' });
  t.same(wide.error.details, { bytes: 122, limit: 100 }, 'counts bytes, not characters');
});

t.test('large input and output pass whole', async (t) => {
  const input = JSON.stringify('€x'.repeat(4 << 20));
  const r = await call('handleAsync', { maxResultBytes: 64 << 20 }, { input });
  t.ok(r.results[0] === input);
});

t.test('RESULT_NOT_SERIALIZABLE', async (t) => {
  const cases = {
    cyclic: /circular/,
    bigint: /BigInt/,
    functionResult: /function/,
    symbolResult: /symbol/,
    throwingToJson: /toJSON threw/,
    throwingGetter: /getter threw/,
  };
  for (const [name, message] of Object.entries(cases)) {
    const r = await call(name);
    t.match(r.error, { code: 'RESULT_NOT_SERIALIZABLE', message }, name);
    t.same(r.order, ['mark 1', 'mark 2', 'mark 3', 'error'], name);
  }
});

t.test('HANDLER_ERROR with what the handler threw', async (t) => {
  const r = await call('fail');
  t.match(r.error, {
    code: 'HANDLER_ERROR',
    name: 'TypeError',
    message: 'no such thing',
    stack: /^TypeError: no such thing\n +at .*handlers\.cjs/,
    details: { phase: 'execute', code: 'E_MINE', cause: 'the cause' },
  });
  t.match((await call('failLater')).error, { code: 'HANDLER_ERROR', message: 'later' });
  t.match((await call('enoent')).error.details, {
    code: 'ENOENT',
    syscall: 'open',
    path: '/nonexistent/file',
    errno: -2,
  });
});

t.test('whatever is thrown is told', async (t) => {
  const cases = {
    throwNull: /null/,
    throwUndefined: /undefined/,
    throwString: /^just text$/,
    throwSymbol: /Symbol\(s\)/,
    throwObject: /"reason":1/,
    throwProxy: /object/,
    throwHostileError: /^hostile$/,
    throwSymbolName: /^odd$/,
  };
  for (const [name, message] of Object.entries(cases)) {
    const r = await call(name);
    t.match(r.error, { code: 'HANDLER_ERROR', name: 'Error', message }, name);
    t.equal(typeof r.error.stack, 'string', name);
    t.equal(r.errors.length, 1, name);
  }
});

t.test('an error of any size fits its frame', async (t) => {
  const r = await call('throwLong');
  t.equal(r.error.code, 'HANDLER_ERROR');
  t.ok(Buffer.byteLength(JSON.stringify(r.error)) <= 1 << 20);
  t.match(r.error.message, /cut, 1048576 characters/);
});

t.test('errors outside of the call end the run', async (t) => {
  const uncaught = await call('uncaught');
  t.match(uncaught.error, {
    code: 'HANDLER_ERROR',
    name: 'RangeError',
    message: 'from a timer',
    details: { phase: 'execute', origin: 'uncaughtException' },
  });
  t.equal(uncaught.stderr, '', 'Node prints nothing of its own');
  const unhandled = await call('unhandled');
  t.match(unhandled.error, {
    message: 'nobody looks',
    details: { phase: 'execute', origin: 'unhandledRejection' },
  });
  t.match((await call('unhandledNull')).error, { code: 'HANDLER_ERROR', message: /null/ });
  t.equal((await call('handledByItself')).data, 'mine: caught', 'unless the handler listens');
});

t.test('MEMORY_LIMIT for allocations that fail with an exception', async (t) => {
  for (const name of ['arrayBuffer', 'buffer', 'wasm', 'toJsonMemory']) {
    const r = await call(name, {}, { dataBytes: 1 << 30 });
    t.match(r.error, { code: 'MEMORY_LIMIT' }, name);
  }
  t.match((await call('longString')).error, { code: 'HANDLER_ERROR', name: 'RangeError' });
});

t.test('NOTICE of a way out without a result', async (t) => {
  const phase = 'execute';
  const cases = [
    ['exit', '7', [{ kind: 'exit', code: 7, phase }], 7, null],
    ['exit', '', [{ kind: 'exit', code: 0, phase }], 0, null],
    ['exitCode', '', [{ kind: 'exit', code: 4, phase }], 4, null],
    ['exitWithListener', '', [{ kind: 'exit', code: 5, phase }], 5, null],
    ['reallyExit', '', [{ kind: 'exit', code: 6, phase }], 6, null],
    ['dry', '', [{ kind: 'dry', code: 0, phase }], 0, null],
    ['badExit', '', [{ kind: 'dry', code: 0, phase }], 0, null],
    ['abort', '', [{ kind: 'abort', code: 'SIGABRT', phase }], null, 'SIGABRT'],
    ['kill', '"SIGINT"', [{ kind: 'signal', code: 'SIGINT', phase }], null, 'SIGINT'],
    ['kill', '9', [{ kind: 'signal', code: 'SIGKILL', phase }], null, 'SIGKILL'],
  ];
  for (const [name, input, notices, code, signal] of cases) {
    const r = await call(/** @type {string} */ (name), {}, { input });
    t.same(r.notices, notices, `${name} ${input}`);
    t.same([r.code, r.signal], [code, signal], `${name} ${input}`);
    t.same([...r.results, ...r.errors], [], `${name} ${input}`);
    if (name === 'exitWithListener') t.equal(r.stdout, 'listener ran\n');
  }
});

t.test('no NOTICE where the process lives on', async (t) => {
  const cases = {
    revived: 'alive',
    killCaught: 'caught',
    killBad: 'ERR_UNKNOWN_SIGNAL',
    killZero: true,
  };
  for (const [name, data] of Object.entries(cases)) {
    const r = await call(name);
    t.equal(r.data, data, name);
    t.same(r.notices, [], name);
  }
});

t.test('a handler that replaces what everybody uses harms nobody', async (t) => {
  const fine = await call('patch');
  t.same(fine.results, ['{"patched":true}']);
  t.equal(fine.code, 0);
  t.match((await call('patchAndFail')).error, { message: 'after patching' });
});

t.test('a data socket that the handler made non-blocking still takes the result', async (t) => {
  const r = await call('nonBlocking', { maxResultBytes: 64 << 20 });
  t.equal(r.results[0]?.length, (8 << 20) + 2);
});
