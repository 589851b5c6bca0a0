// The first run of a process, which waits for OpenTelemetry's API to be loaded.
import { trace } from '@opentelemetry/api';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import t from 'tap';
import { project, sandbox } from '../run/helper.js';

t.test('its input is read in the turn that it is called in', async (t) => {
  trace.setGlobalTracerProvider(new BasicTracerProvider());
  t.teardown(() => trace.disable());
  const workdir = project(t, 'export const handle = (input, { field }) => [input, field];');
  const handler = { file: './handler.mjs', export: 'handle' };
  const runner = sandbox(t);
  const input = { a: 1, rows: Array.from({ length: 5000 }, () => 1) };
  const ctx = { requestId: 'r', workdir, field: { b: 1 } };
  const run = runner.run(handler, input, ctx);
  input.a = 2;
  input.rows.fill(2);
  ctx.field.b = 2;
  handler.export = 'none';
  const { data, error } = await run;
  t.equal(error, undefined);
  t.equal(data?.[0].a, 1);
  t.equal(data?.[0].rows[4999], 1, 'what travels in pieces, too');
  t.same(data?.[1], { b: 1 });
});
