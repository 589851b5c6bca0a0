// An application with the real OpenTelemetry SDK, and an OTLP receiver on loopback that it exports to.
import { once } from 'node:events';
import http from 'node:http';
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

/** The ways that a handler can run in. */
export const ways = /** @type {const} */ ([
  { mode: 'subprocess', startup: 'spawn' },
  { mode: 'subprocess', startup: 'fork' },
  { mode: 'inprocess', startup: 'auto' },
]);

/**
 * A handler's line that waits for longer than its run may take. In this very process nothing ends it, and
 * it must not hold up the end of the tests.
 *
 * @param {{ mode: string }} way
 */
export const waitLong = ({ mode }) =>
  `await new Promise((r) => setTimeout(r, 60_000)${mode === 'inprocess' ? '.unref()' : ''});`;

/** @param {any} value of OTLP's JSON */
function plain(value) {
  if (value.arrayValue) return value.arrayValue.values.map(plain);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.boolValue ?? value.doubleValue;
}

/** @param {any[]} [attributes] */
const toObject = (attributes = []) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));

/** @param {any} body of a request to /v1/traces */
const spansOf = (body) =>
  body.resourceSpans.flatMap((/** @type {any} */ resource) =>
    resource.scopeSpans.flatMap((/** @type {any} */ { scope, spans }) =>
      spans.map((/** @type {any} */ span) => ({
        ...span,
        scope: scope.name,
        start: Number(BigInt(span.startTimeUnixNano)) / 1e6,
        end: Number(BigInt(span.endTimeUnixNano)) / 1e6,
        attributes: toObject(span.attributes),
      })),
    ),
  );

/** @param {any} body of a request to /v1/metrics */
const pointsOf = (body) =>
  body.resourceMetrics.flatMap((/** @type {any} */ resource) =>
    resource.scopeMetrics.flatMap((/** @type {any} */ { metrics }) =>
      metrics.flatMap((/** @type {any} */ { name, unit, sum, histogram }) =>
        (sum ?? histogram).dataPoints.map((/** @type {any} */ point) => ({
          name,
          unit,
          ...point,
          value: Number(point.asInt ?? point.asDouble),
          attributes: toObject(point.attributes),
        })),
      ),
    ),
  );

/** An OTLP receiver. @param {any} t */
export async function receiver(t) {
  /** @type {any[]} */
  const spans = [];
  /** The newest state of every time series. @type {{ points: any[] }} */
  const latest = { points: [] };
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    if (request.url === '/v1/traces') spans.push(...spansOf(body));
    if (request.url === '/v1/metrics') latest.points = pointsOf(body);
    response.setHeader('content-type', 'application/json').end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { spans, latest, url: `http://127.0.0.1:${port}` };
}

/**
 * Registers the SDK as an application does, until the test ends.
 *
 * @param {any} t
 * @param {{ sampler?: any }} [options]
 */
export async function application(t, { sampler } = {}) {
  const { spans, latest, url } = await receiver(t);
  const tracers = new BasicTracerProvider({
    ...(sampler && { sampler }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces` }))],
  });
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url: `${url}/v1/metrics` }),
    exportIntervalMillis: 2 ** 30,
  });
  const meters = new MeterProvider({ readers: [reader] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(tracers);
  metrics.setGlobalMeterProvider(meters);
  propagation.setGlobalPropagator(
    new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
    }),
  );
  t.teardown(async () => {
    await Promise.all([tracers.shutdown(), meters.shutdown()]);
    for (const api of [context, trace, metrics, propagation]) api.disable();
  });
  return {
    url,
    spans: async () => {
      await tracers.forceFlush();
      return spans;
    },
    points: async () => {
      await meters.forceFlush();
      return latest.points;
    },
    /** Runs `act` in a span of the application. @param {() => any} act @param {object} [baggage] */
    within: async (act, baggage = {}) => {
      const span = trace.getTracer('application').startSpan('request');
      const bag = propagation.createBaggage(
        Object.fromEntries(Object.entries(baggage).map(([key, value]) => [key, { value }])),
      );
      const active = propagation.setBaggage(trace.setSpan(context.active(), span), bag);
      try {
        return { span: span.spanContext(), result: await context.with(active, act) };
      } finally {
        span.end();
      }
    },
  };
}
