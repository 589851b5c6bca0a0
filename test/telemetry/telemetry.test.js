// OpenTelemetry with the real SDK: what arrives at an OTLP receiver.
import { fileURLToPath } from 'node:url';
import { context, metrics, trace } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import t from 'tap';
import { handler, project, run, sandbox } from '../run/helper.js';
import { application, waitLong, ways } from './helper.js';

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));
const byName = (/** @type {any[]} */ spans) =>
  Object.fromEntries(spans.map((/** @type {any} */ span) => [span.name, span]));

for (const way of ways) {
  const title = way.mode === 'inprocess' ? way.mode : way.startup;

  t.test(`${title}: the spans of a run`, async (t) => {
    const app = await application(t);
    const body = handler(`
      await ctx.trace.span('outer', async () => {
        await ctx.trace.span('inner', async () => {}, { rows: 3 });
        try { ctx.trace.span('fails', () => { throw new Error('no'); }); } catch {}
      });
      return { pid: process.pid, traceId: ctx.trace.traceId };`);
    // Samples, for the sake of a forked guest's pid.
    const config = { ...way, monitoring: { collectTraces: true, sampleIntervalMs: 5 } };
    const { span, result } = await app.within(() => run(t, body, { config }));
    t.ok(result.ok, JSON.stringify(result.error));
    const spans = byName(await app.spans());
    const root = spans['sandbox.run'];
    t.equal(root.parentSpanId, span.spanId, 'the active span is the parent');
    for (const name of ['queue', 'start', 'load', 'execute'])
      t.equal(spans[`sandbox.${name}`].parentSpanId, root.spanId, name);
    t.equal(spans.outer.parentSpanId, spans['sandbox.execute'].spanId);
    t.equal(spans.inner.parentSpanId, spans.outer.spanId);
    t.match(spans.inner.attributes, { 'sandbox.handler.rows': 3, 'sandbox.origin': 'handler' });
    t.equal(spans.fails.status.code, 2);
    t.equal(root.scope, '@kb-labs/sandbox');
    for (const one of Object.values(spans)) t.equal(one.traceId, span.traceId, one.name);
    t.equal(result.data.traceId, span.traceId);

    for (const own of result.traces) {
      const sent = spans[own.name] ?? spans[`sandbox.${own.name}`];
      t.equal(sent.spanId, own.spanId, `${own.name} has one id`);
      t.equal(sent.parentSpanId, own.parentSpanId, `${own.name} has one parent`);
      t.ok(Math.abs(sent.start - own.startTime) < 0.01, `${own.name} starts when it did`);
      t.ok(Math.abs(sent.end - own.endTime) < 0.01 || own.name === 'run', `${own.name} ends so`);
    }
    t.match(root.attributes, {
      'sandbox.outcome': 'OK',
      'sandbox.mode': way.mode,
      'sandbox.request.id': 'test',
      'code.function.name': 'handle',
      'code.file.path': /\/handler\.mjs$/,
      'process.runtime.name': 'nodejs',
      'process.executable.path': process.execPath,
    });
    if (way.mode === 'inprocess') t.equal(root.attributes['process.pid'], process.pid);
    else {
      t.ok(root.attributes['process.pid'] > 0);
      t.not(root.attributes['process.pid'], process.pid);
      t.equal(root.attributes['process.parent_pid'], process.pid);
      // A spawned guest ends by a signal of its own when all is said.
      t.equal(root.attributes['process.exit.code'], way.startup === 'fork' ? 0 : undefined);
      t.equal(root.attributes['sandbox.startup'], way.startup);
    }
  });

  t.test(`${title}: a run that fails`, async (t) => {
    const app = await application(t);
    const body = handler(`throw new RangeError('out of \\u001b[31mrange');`);
    const { result } = await app.within(() => run(t, body, { config: { ...way } }));
    t.equal(result.error.code, 'HANDLER_ERROR');
    t.equal(result.traces, undefined, 'nobody asked for them in the result');
    const root = byName(await app.spans())['sandbox.run'];
    t.match(root.status, { code: 2, message: 'out of \\u001b[31mrange' });
    t.equal(root.attributes['error.type'], 'HANDLER_ERROR');
    const [event] = root.events;
    t.equal(event.name, 'exception');
    const attributes = Object.fromEntries(
      event.attributes.map((/** @type {any} */ { key, value }) => [key, value.stringValue]),
    );
    t.equal(attributes['exception.type'], 'RangeError');
    t.match(attributes['exception.message'], /^out of/);
    t.match(attributes['exception.stacktrace'], /handler\.mjs/);
  });

  t.test(`${title}: metrics`, async (t) => {
    const app = await application(t);
    const runner = sandbox(t, { ...way, execution: { concurrency: 1, timeoutMs: 2_000 } });
    const slow = handler(`if (input) ${waitLong(way)} return 1;`);
    const dir = project(t, slow);
    const call = (/** @type {any} */ input, /** @type {object} */ ctx) =>
      runner.run({ file: 'handler.mjs', export: 'handle' }, input, {
        requestId: 'r',
        workdir: dir,
        ...ctx,
      });
    t.ok((await call(0, {})).ok);
    const timeout = call(1, {});
    const waiting = call(0, {});
    const depth = (await app.points()).find(({ name }) => name === 'sandbox.queue.depth');
    t.equal(depth.value, 1, 'one waits');
    t.equal((await timeout).error?.code, 'TIMEOUT');
    t.ok((await waiting).ok);
    const points = await app.points();
    const of = (/** @type {string} */ name) => points.filter((point) => point.name === name);
    const runs = of('sandbox.runs').map(({ attributes, value }) => [
      attributes['sandbox.outcome'],
      value,
    ]);
    t.same(Object.fromEntries(runs), { OK: 2, TIMEOUT: 1 });
    t.equal(of('sandbox.queue.depth')[0].value, 0);
    t.equal(of('sandbox.runs.active')[0].value, 0);
    t.equal(of('sandbox.run.duration')[0].unit, 's');
    const times = of('sandbox.run.duration').reduce((sum, { count }) => sum + Number(count), 0);
    t.equal(times, 3);
    t.equal(Number(of('sandbox.queue.duration')[0].count), 3);
    if (way.mode === 'subprocess')
      t.match(of('sandbox.kills'), [
        { value: 1, attributes: { 'sandbox.kill.reason': 'timeout' } },
      ]);
    else t.same(of('sandbox.kills'), [], 'nothing can be killed');
  });

  t.test(`${title}: a trace that is not sampled`, async (t) => {
    const app = await application(t, { sampler: new AlwaysOffSampler() });
    const config = { ...way, monitoring: { collectTraces: true } };
    const body = handler('return ctx.trace.carrier;');
    const { span, result } = await app.within(() => run(t, body, { config }));
    t.ok(result.ok, JSON.stringify(result.error));
    t.match(result.data.traceparent, new RegExp(`^00-${span.traceId}-[0-9a-f]{16}-00$`));
    t.ok(result.traces.length >= 5, 'the result has them all the same');
    t.same(await app.spans(), []);
  });

  t.test(`${title}: the handler's own SDK goes on with the trace`, async (t) => {
    const app = await application(t);
    const config = { ...way, permissions: { network: { allow: ['*'] } } };
    const runner = sandbox(t, config);
    const { span, result } = await app.within(
      () =>
        runner.run(
          { file: 'traced.mjs', export: 'handle' },
          { url: app.url },
          { requestId: 'r', workdir: fixtures },
        ),
      { tenant: 'blue & green' },
    );
    t.ok(result.ok, JSON.stringify(result.error));
    const spans = byName(await app.spans());
    t.equal(spans.inside.traceId, span.traceId);
    t.equal(spans.inside.parentSpanId, spans['sandbox.run'].spanId);
    t.equal(spans.inside.scope, 'guest');
    t.equal(result.data.baggage, 'blue & green');
    if (way.mode === 'subprocess')
      t.match(result.data.fromEnvironment, {
        traceId: span.traceId,
        spanId: spans['sandbox.run'].spanId,
        baggage: 'blue & green',
      });
  });

  t.test(`${title}: what a hostile handler sends`, async (t) => {
    const app = await application(t);
    const body = handler(`
      const span = (name, attributes) => ctx.trace.span(name, () => 1, attributes);
      const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => ['k' + i, i]));
      span('many', many);
      span('names', { 'process.pid': 1, 'a b': 1, '\\u001b': 1, ['x'.repeat(65)]: 1, __proto__: null,
        o: { a: 1 }, mixed: [1, 'a'], list: ['a', 'b'], nan: NaN, long: 'l'.repeat(5000) });
      span('sandbox.run\\u001b[2J' + 'n'.repeat(500));
      for (let i = 0; i < 400; i++) span('flood');
      return 1;`);
    const { result } = await app.within(() => run(t, body, { config: { ...way } }));
    t.ok(result.ok, JSON.stringify(result.error));
    const all = await app.spans();
    const spans = byName(all);
    const sent = all.filter(({ attributes }) => attributes['sandbox.origin'] === 'handler');
    t.equal(sent.length, 128);
    t.equal(spans['sandbox.run'].attributes['sandbox.spans.dropped'], 403 - 128);
    const handlers = (/** @type {any} */ span) =>
      Object.keys(span.attributes).filter((name) => name !== 'sandbox.origin');
    t.equal(handlers(spans.many).length, 32);
    t.same(handlers(spans.names).sort(), [
      'sandbox.handler.list',
      'sandbox.handler.long',
      'sandbox.handler.process.pid',
    ]);
    t.equal(spans.names.attributes['sandbox.handler.long'].length, 1024);
    t.not(spans['sandbox.run'].attributes['process.pid'], 1);
    const odd = sent.find(({ name }) => name.startsWith('sandbox.run'));
    t.match(odd.name, /^sandbox\.run\\u001b\[2Jn+$/);
    t.ok(odd.name.length < 140);
  });

  t.test(`${title}: without a provider of traces`, async (t) => {
    const app = await application(t);
    trace.disable();
    const config = { ...way, monitoring: { collectTraces: true } };
    const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
    const body = handler('return ctx.trace.carrier.traceparent;');
    const { ok, data, traces } = await run(t, body, { config, ctx: ids });
    t.ok(ok);
    const execute = traces.find((/** @type {any} */ { name }) => name === 'execute');
    t.equal(data, `00-${ids.traceId}-${execute.spanId}-01`);
    t.equal(traces[0].parentSpanId, ids.spanId);
    t.same(await app.spans(), []);
  });

  t.test(`${title}: a provider that fails`, async (t) => {
    await application(t);
    trace.disable();
    metrics.disable();
    const fail = () => {
      throw new Error('broken');
    };
    trace.setGlobalTracerProvider(/** @type {any} */ ({ getTracer: () => ({ startSpan: fail }) }));
    t.ok((await run(t, handler('return 1;'), { config: { ...way } })).ok);
    trace.disable();
    const span = new Proxy(/** @type {any} */ ({}), { get: () => fail });
    trace.setGlobalTracerProvider(
      /** @type {any} */ ({ getTracer: () => ({ startSpan: () => span }) }),
    );
    t.ok((await run(t, handler('return 1;'), { config: { ...way } })).ok);
  });
}

t.test('a forged frame', async (t) => {
  const app = await application(t);
  const body = handler(`
    const fs = await import('node:fs');
    const send = (span) => { const b = Buffer.from(JSON.stringify(span)); const h = Buffer.alloc(8);
      h.writeUInt32LE(b.length); h[4] = 1; h[5] = 18; fs.writeSync(3, Buffer.concat([h, b])); };
    const parent = ctx.trace.spanId;
    const base = { startTime: 1, endTime: 1e300 };
    send({ ...base, spanId: parent, parentSpanId: parent, name: 'own id' });
    send({ ...base, spanId: '00000000000000aa', parentSpanId: '00000000000000bb', name: 'a' });
    send({ ...base, spanId: '00000000000000bb', parentSpanId: '00000000000000aa', name: 'b' });
    send({ ...base, spanId: '00000000000000cc', parentSpanId: '00000000000000cc', name: 'c' });
    send({ ...base, spanId: '00000000000000cc', name: 'c twice', attributes: ['x'] });
    return 1;`);
  const { span, result } = await app.within(() => run(t, body));
  t.ok(result.ok, JSON.stringify(result.error));
  const spans = await app.spans();
  const root = byName(spans)['sandbox.run'];
  t.equal(root.parentSpanId, span.spanId);
  for (const name of ['own id', 'a', 'b', 'c', 'c twice']) {
    const [sent, ...more] = spans.filter((one) => one.name === name);
    t.same(more, [], name);
    t.equal(sent.traceId, span.traceId, name);
    t.ok(sent.start >= root.start && sent.end <= root.end, `${name} lies within the run`);
  }
  t.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length, 'no id twice');
});

t.test('runs that never began', async (t) => {
  const app = await application(t);
  const runner = sandbox(t);
  const { result } = await app.within(() =>
    runner.run(/** @type {any} */ ({}), 0, /** @type {any} */ (null)),
  );
  t.equal(result.error.code, 'VALIDATION_ERROR');
  const hostile = new Proxy(/** @type {any} */ ({}), {
    get() {
      throw new Error('mine');
    },
  });
  t.equal((await runner.run(hostile, 0, hostile)).error?.code, 'VALIDATION_ERROR');
  const spans = byName(await app.spans());
  t.equal(spans['sandbox.run'].attributes['error.type'], 'VALIDATION_ERROR');
  t.ok(spans['sandbox.queue'].end <= spans['sandbox.run'].end);
});

t.test('the handler runs in the context of its run', async (t) => {
  const app = await application(t);
  const seen = /** @type {any} */ (globalThis);
  seen.activeSpan = () => trace.getSpanContext(context.active());
  t.teardown(() => delete seen.activeSpan);
  const body = handler('return globalThis.activeSpan();');
  const { result } = await app.within(() => run(t, body, { config: { mode: 'inprocess' } }));
  t.equal(result.data.spanId, byName(await app.spans())['sandbox.run'].spanId);
});

t.test('it can be switched off', async (t) => {
  const app = await application(t);
  const config = { monitoring: { openTelemetry: false } };
  const { result } = await app.within(() =>
    run(t, handler('return ctx.trace.carrier;'), { config }),
  );
  t.same(result.data, {});
  t.same(
    (await app.spans()).map(({ name }) => name),
    ['request'],
  );
  t.same((await app.points()).length, 0);
});
