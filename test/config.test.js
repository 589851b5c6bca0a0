import os from 'node:os';
import t from 'tap';
import { parseConfig } from '../lib/config.js';
import { createSandboxRunner } from '../lib/index.js';

t.test('what is assumed where nothing is said', async (t) => {
  t.same(parseConfig({}), {
    mode: 'subprocess',
    startup: 'auto',
    isolation: 'strict',
    serialization: 'json',
    devMode: false,
    debug: false,
    runtime: {},
    execution: {
      timeoutMs: 30_000,
      graceMs: 5_000,
      memoryMb: 512,
      concurrency: os.availableParallelism() * 2,
      maxQueue: 1_000,
      maxResultBytes: 16 * 2 ** 20,
      maxOpenFiles: 256,
      maxOutputMb: 1024,
      maxOutputFiles: 100_000,
      tmpSizeMb: 64,
      cgroup: 'off',
      maxHostCalls: 64,
      maxMessageBytes: 4 * 2 ** 20,
      maxForks: 10_000,
      preload: [],
      preloadTimeoutMs: 30_000,
      spares: 'auto',
      maxThreads: 256,
    },
    permissions: {
      env: { allow: [] },
      filesystem: { allow: [], deny: [], readOnly: false },
      network: { allow: [], deny: [] },
      capabilities: [],
    },
    host: new Map(),
    monitoring: {
      collectLogs: true,
      collectMetrics: true,
      collectTraces: false,
      logBufferSizeMb: 1,
      logFormat: 'text',
      openTelemetry: true,
      sampleIntervalMs: 0,
      collectIsolation: false,
      collectNetwork: false,
    },
  });
  t.equal(parseConfig({ execution: { timeoutMs: 5 } }).execution.graceMs, 5_000);
});

t.test('a configuration is a copy that nobody changes', async (t) => {
  const given = { permissions: { env: { allow: ['A'] } } };
  const config = parseConfig(given);
  given.permissions.env.allow.push('B');
  t.same(config.permissions.env.allow, ['A']);
  t.throws(() => config.permissions.env.allow.push('C'), TypeError);
});

t.test('all that is wrong, at once, with a hint', async (t) => {
  try {
    parseConfig({
      execution: { timeoutMS: 1, memoryMb: 3.5 },
      permissions: { network: { allow: [7] } },
      moed: 1,
    });
    t.fail('it was accepted');
  } catch (error) {
    const { code, issues, message } = /** @type {any} */ (error);
    t.type(error, TypeError);
    t.equal(code, 'VALIDATION_ERROR');
    t.same(issues.map((/** @type {any} */ issue) => issue.path).sort(), [
      'execution.memoryMb',
      'execution.timeoutMS',
      'moed',
      'permissions.network.allow.0',
    ]);
    t.match(message, /did you mean 'timeoutMs'/);
    t.match(message, /whole number of MiB from 32 to/);
  }
});

t.test('what is preloaded', async (t) => {
  for (const [execution, startup, path] of /** @type {any[]} */ ([
    [{ preload: ['./a.mjs'] }, 'spawn', 'execution.preload'],
    [{ preload: [''] }, 'auto', 'execution.preload.0'],
    [{ preload: ['a', 'b\0c'] }, 'auto', 'execution.preload.1'],
    [{ preload: ['x'.repeat(2000)] }, 'auto', 'execution.preload.0'],
    [{ preload: Array(65).fill('a') }, 'auto', 'execution.preload'],
    [{ preload: './a.mjs' }, 'auto', 'execution.preload'],
    [{ preloadTimeoutMs: 0 }, 'auto', 'execution.preloadTimeoutMs'],
  ]))
    t.throws(() => parseConfig({ startup, execution }), { issues: [{ path }] }, path);
  for (const startup of ['auto', 'fork'])
    t.same(parseConfig({ startup, execution: { preload: ['a'] } }).execution.preload, ['a']);
  t.same(parseConfig({ startup: 'spawn', execution: { preload: [] } }).execution.preload, []);
});

t.test('the limits of numbers', async (t) => {
  const bad = [0, -1, NaN, Infinity, 1.5, 2 ** 31, '5', null];
  for (const timeoutMs of bad)
    t.throws(() => parseConfig({ execution: { timeoutMs } }), TypeError, String(timeoutMs));
  for (const timeoutMs of [1, 2 ** 31 - 1])
    t.equal(parseConfig({ execution: { timeoutMs } }).execution.timeoutMs, timeoutMs);
  t.equal(parseConfig({ execution: { graceMs: 0 } }).execution.graceMs, 0);
});

t.test('hosts are checked by the compiler of rules, and named', async (t) => {
  const bad = {
    'http://a.example': /URL/,
    'a b': /white space/,
    'a..b': /empty label/,
    '010.0.0.1': /IPv4/,
    127.1: /address/,
    '10.0.0.1/8': /prefix/,
    'a.*.example': /'\*'/,
    'a.example:99999': /port/,
    '[::1': /bracket/,
  };
  for (const [pattern, why] of Object.entries(bad))
    for (const key of ['allow', 'deny']) {
      const fail = () => parseConfig({ permissions: { network: { [key]: ['good', pattern] } } });
      t.throws(fail, { code: 'VALIDATION_ERROR', message: why }, pattern);
      t.throws(fail, { issues: [{ path: `permissions.network.${key}.1` }] }, 'it is named');
      t.throws(fail, { message: new RegExp(`'${pattern.replace(/[^\w]/g, '\\$&')}'`) });
    }
  const allow = ['Bücher.example', '*.bücher.example:443', '例え.テスト', 'A.example.', '[::1]:80'];
  t.same(parseConfig({ permissions: { network: { allow } } }).permissions.network.allow, [
    'xn--bcher-kva.example',
    '*.xn--bcher-kva.example:443',
    'xn--r8jz45g.xn--zckzah',
    'A.example.',
    '[::1]:80',
  ]);
});

t.test('hosts go with every other capability of the network', async (t) => {
  const dir = t.testdir({ 'handler.mjs': 'export const handle = () => 1;' });
  const permissions = {
    network: { allow: ['a.example'] },
    capabilities: ['net:listen', 'net:udp', 'net:unix'],
  };
  const runner = createSandboxRunner({ permissions });
  t.teardown(() => runner.dispose());
  const ctx = { requestId: '1', workdir: dir };
  const result = await runner.run({ file: 'handler', export: 'handle' }, 0, ctx);
  t.match(result, { ok: true, data: 1 });
  t.same(runner.isolation().broken, []);
});
