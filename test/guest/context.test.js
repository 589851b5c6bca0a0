// What the handler finds in its context.
import t from 'tap';
import { run } from './helper.js';

/** Ends the guest with SIGTERM once it says that it is ready. @type {any} */
const terminate = {
  onFrame: (/** @type {any} */ frame, /** @type {any} */ child) => {
    if (frame.name === 'log' && frame.value.text === 'ready') child.kill('SIGTERM');
  },
};

t.test("holds the caller's fields and ours", async (t) => {
  const ctx = JSON.parse('{"requestId":"r","log":"no","__proto__":{"polluted":1},"extra":1}');
  const r = await run({ export: 'shape', ctx, capabilities: ['kv:read'] });
  t.match(r.data, {
    sameSignal: true,
    isSignal: true,
    capabilities: ['kv:read'],
    frozen: true,
    prototype: true,
    polluted: null,
  });
  for (const key of ['capabilities', 'extra', 'log', 'requestId', 'signal', 'trace']) {
    t.ok(r.data.keys.includes(key), key);
  }
});

t.test('log writes lines of a level, with fields', async (t) => {
  const { logs } = await run({ export: 'log' });
  t.same(logs.slice(0, 2), [
    { level: 0, text: 'a debug line' },
    { level: 1, text: 'with fields {"n":1}' },
  ]);
  t.match(logs[2], { level: 2, text: /^Error: an error\n +at / });
  t.match(logs[3], { level: 3, text: 'cannot {"value":"1"}' });
  t.ok(Buffer.byteLength(logs[4].text) < 1 << 20, 'within the limit of its frame');
  t.match(logs[4].text, /^€+… \(cut, 1048576 characters\)$/);
  t.same(logs.slice(5), [
    { level: 1, text: '' },
    { level: 1, text: '{"an":"object"}' },
  ]);
});

t.test('signal is aborted by SIGTERM, with the reason', async (t) => {
  const aborted = await run({ export: 'signal' }, terminate);
  t.match(aborted.data, { name: 'AbortError', aborted: true });
  const late = await run({ export: 'signal', timeoutMs: 1 }, terminate);
  t.match(late.data, { name: 'TimeoutError', message: /1 ms/ });
});

t.test('without a listener SIGTERM ends the process at once, in a loop too', async (t) => {
  const r = await run({ export: 'noSignal' }, terminate);
  t.equal(r.signal, 'SIGTERM');
  t.same([...r.results, ...r.errors, ...r.notices], []);
});

t.test("a handler's own listener for SIGTERM is the only one", async (t) => {
  const r = await run({ export: 'ownTerm' }, terminate);
  t.equal(r.data, 'my own');
});

t.test('trace.span emits what ran, nested, with errors', async (t) => {
  const spanId = '00f067aa0ba902b7';
  const r = await run({ export: 'spans', traces: true, traceId: 'f'.repeat(32), spanId });
  t.match(r.data, { before: spanId, sync: 1, caught: 2, traceId: 'f'.repeat(32) });
  const byName = Object.fromEntries(r.spans.map((span) => [span.name, span]));
  t.same(Object.keys(byName), ['sync', 'inner', 'outer', 'throws', 'rejects', 'big']);
  t.match(byName.sync, { parentSpanId: spanId, spanId: /^[0-9a-f]{16}$/, attributes: { a: 1 } });
  t.equal(byName.inner.parentSpanId, byName.outer.spanId);
  t.equal(byName.inner.spanId, r.data.nested, 'the span that code runs in is its context');
  t.same(byName.throws.attributes, { error: true, 'error.message': 'in a span' });
  t.match(byName.rejects.attributes, { error: true, 'attributes.dropped': true });
  t.same(byName.big.attributes, { 'attributes.dropped': true });
  for (const span of r.spans) t.ok(span.startTime <= span.endTime, span.name);
  t.equal(new Set(r.spans.map((span) => span.spanId)).size, 6);
});

t.test('trace.span only runs the function when nobody collects', async (t) => {
  const r = await run({ export: 'spans' });
  t.same(r.spans, []);
  t.match(r.data, { before: null, sync: 1, caught: 2, traceId: null, nested: undefined });
});
