// Metrics and traces, in both modes.
import t from 'tap';
import { handler, project, run } from './run/helper.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

for (const mode of /** @type {const} */ (['subprocess', 'inprocess'])) {
  t.test(`${mode}: spans`, async (t) => {
    const body = handler(`
      await ctx.trace.span('outer', async () => {
        await ctx.trace.span('inner', async () => {}, { k: 1 });
        try { ctx.trace.span('fails', () => { throw new Error('x'); }); } catch {}
      });
      return { traceId: ctx.trace.traceId, parent: process.env.TRACEPARENT };`);
    const config = { mode, monitoring: { collectTraces: true } };
    const { ok, data, traces } = await run(t, body, { config, ctx: { traceId, spanId } });
    t.ok(ok);
    t.equal(data.traceId, traceId);
    const byName = Object.fromEntries(traces.map((/** @type {any} */ span) => [span.name, span]));
    t.same(Object.keys(byName).sort(), [
      'execute',
      'fails',
      'inner',
      'load',
      'outer',
      'queue',
      'run',
      'start',
    ]);
    t.equal(byName.run.parentSpanId, spanId);
    for (const name of ['queue', 'start', 'load', 'execute'])
      t.equal(byName[name].parentSpanId, byName.run.spanId);
    t.equal(byName.outer.parentSpanId, byName.execute.spanId);
    t.equal(byName.inner.parentSpanId, byName.outer.spanId);
    t.match(byName.inner.attributes, { k: 1 });
    t.match(byName.fails.attributes, { error: true });
    for (const span of traces) {
      t.equal(span.traceId, traceId);
      t.match(span.spanId, /^[0-9a-f]{16}$/);
      t.ok(span.startTime <= span.endTime, span.name);
      t.ok(Math.abs(span.startTime - Date.now()) < 60_000, span.name);
    }
    if (mode === 'subprocess') t.equal(data.parent, `00-${traceId}-${byName.execute.spanId}-01`);
  });

  t.test(`${mode}: metrics`, async (t) => {
    const body = handler(`
      const end = Date.now() + 50;
      const before = process.cpuUsage();
      // A busy machine gives it less of a processor than it asks for.
      while (Date.now() < end || process.cpuUsage(before).user < 30_000);
      return 1;`);
    const { metrics } = await run(t, body, { config: { mode } });
    t.ok(metrics.timeMs >= 49);
    t.ok(metrics.cpuMs > 20);
    t.ok(metrics.memMb > 10);
    t.ok(metrics.phases.executeMs >= 49);
    const few = await run(t, body, { config: { mode, monitoring: { collectMetrics: false } } });
    t.same(Object.keys(few.metrics), ['timeMs']);
    t.equal(few.traces, undefined);
  });
}

t.test('a trace is continued without being collected', async (t) => {
  const { data } = await run(t, handler('return process.env.TRACEPARENT;'), {
    ctx: { traceId, spanId },
  });
  t.equal(data, `00-${traceId}-${spanId}-01`);
  t.equal((await run(t, handler('return process.env.TRACEPARENT;'))).data, undefined);
  t.equal(
    (
      await run(t, handler('return process.env.TRACEPARENT;'), {
        ctx: { traceId: 'x', spanId: '../..' },
      })
    ).data,
    undefined,
  );
});

t.test('spans of a hostile guest are checked', async (t) => {
  const body = handler(`
    const fs = await import('node:fs');
    const send = (text) => { const b = Buffer.from(text); const h = Buffer.alloc(8); h.writeUInt32LE(b.length); h[4] = 1; h[5] = 18; fs.writeSync(3, Buffer.concat([h, b])); };
    for (const text of ['', 'null', '[]', '{"spanId":7}', '{"spanId":"${spanId}","name":{},"startTime":1,"endTime":2}', '{"spanId":"${spanId}","name":"n","startTime":"1","endTime":2}']) send(text);
    send(JSON.stringify({ spanId: '${spanId}', parentSpanId: 'bad', traceId: 'forged', name: 'n'.repeat(5000), startTime: 1, endTime: 2, attributes: null }));
    for (let i = 0; i < 3000; i++) send(JSON.stringify({ spanId: '${spanId}', name: 'many', startTime: 1, endTime: 2 }));
    return 1;`);
  const { ok, traces } = await run(t, body, { config: { monitoring: { collectTraces: true } } });
  t.ok(ok);
  t.ok(traces.length <= 1005);
  const odd = traces.find((/** @type {any} */ span) => span.name.startsWith('nn'));
  t.equal(odd.name.length, 1024);
  t.not(odd.traceId, 'forged');
  t.not(odd.parentSpanId, 'bad');
});

t.test('subprocess: what the kernel counted', async (t) => {
  const body = handler(`
    const fs = await import('node:fs');
    const file = ctx.outdir + '/written';
    fs.writeFileSync(file, Buffer.alloc(3 << 20));
    fs.readFileSync(file);
    const memory = Buffer.alloc(30 << 20, 1);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    return memory.length;`);
  const outdir = project(t, {});
  const { ok, metrics, error } = await run(t, body, { ctx: { outdir } });
  t.ok(ok, JSON.stringify(error));
  t.ok(metrics.writeChars > 3 << 20);
  t.ok(metrics.readChars > 3 << 20);
  t.ok(metrics.minorFaults > (30 << 20) / 4096);
  t.ok(metrics.voluntarySwitches >= 20);
  t.ok(metrics.memMb > 60);
  t.ok(Math.abs(metrics.userCpuMs + metrics.systemCpuMs - metrics.cpuMs) < 0.01);
  for (const name of ['readBytes', 'writeBytes', 'majorFaults', 'involuntarySwitches'])
    t.ok(metrics[name] >= 0, name);
});

t.test('a guest cannot move its phases out of its run', async (t) => {
  const body = handler(`
    const fs = await import('node:fs');
    for (const [phase, time] of [[1, 5], [2, 1e300], [3, 1]]) {
      const b = Buffer.alloc(17);
      b.writeUInt32LE(9); b[4] = 1; b[5] = 16; b[8] = phase; b.writeDoubleLE(time, 9);
      fs.writeSync(3, b);
    }
    return 1;`);
  // While it loads, so that they come before the true ones.
  const text = body.replace(
    'export async function handle(input, ctx) {',
    'const send = async () => {',
  );
  const before = Date.now() - 1;
  const { ok, metrics, traces } = await run(
    t,
    `${text.replace('return 1;', '')}\nawait send();\nexport const handle = () => 1;`,
    { config: { monitoring: { collectTraces: true } } },
  );
  t.ok(ok);
  const { startMs, loadMs, executeMs } = metrics.phases;
  for (const ms of [startMs, loadMs, executeMs]) t.ok(ms >= 0 && ms <= metrics.timeMs, `${ms} ms`);
  for (const span of traces) {
    t.ok(span.startTime <= span.endTime, span.name);
    t.ok(span.startTime >= before && span.endTime <= Date.now() + 1, span.name);
  }
});

t.test('time follows the clock of the system', async (t) => {
  const real = Date.now;
  let step = 0;
  // Later the module no longer looks at it.
  Date.now = () => real() + step;
  const fresh = '../lib/trace.js?fresh';
  const { now } = await import(fresh).finally(() => (Date.now = real));
  for (step of [3_600_000, -3_600_000, 0]) {
    // A busy machine may stop this between two lines: what now() says lies between what is read around it.
    const [from, time, to] = [real(), now(), real()];
    t.ok(time >= from + step - 5 && time <= to + step + 5, `set by ${step} ms`);
  }
  let last = now();
  for (let i = 0; i < 100_000; i++) {
    const time = now();
    if (time < last) t.fail('it steps back by itself');
    last = time;
  }
});

t.test('samples', async (t) => {
  const config = { monitoring: { sampleIntervalMs: 10 } };
  const { metrics } = await run(
    t,
    handler(
      'const a = Buffer.alloc(100 << 20, 1); await new Promise((r) => setTimeout(r, 200)); return a.length;',
    ),
    { config },
  );
  t.ok(metrics.samples.length >= 2, `${metrics.samples.length} samples`);
  // On a busy machine the first may be after the allocation, too.
  t.ok(Math.max(...metrics.samples.map((/** @type {any} */ one) => one.memMb)) > 100);
});

t.test('logs can be left out, and shown live all the same', async (t) => {
  /** @type {[string, string][]} */
  const live = [];
  const result = await run(
    t,
    handler(`console.log('out'); console.error('err'); ctx.log.debug('d'); return 1;`),
    {
      config: { monitoring: { collectLogs: false } },
      ctx: {
        onLog: (/** @type {string} */ line, /** @type {string} */ level) =>
          live.push([level, line]),
      },
    },
  );
  t.equal(result.logs, undefined);
  t.same(live.sort(), [
    ['debug', 'd'],
    ['error', 'err'],
    ['info', 'out'],
  ]);
});
