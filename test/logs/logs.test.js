// The format of log lines, their levels, and where they go live.
import { PassThrough, Writable } from 'node:stream';
import pino from 'pino';
import t from 'tap';
import { handler, run, sandbox } from '../run/helper.js';
import { ways } from '../telemetry/helper.js';

const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/;
const body = handler(`
  console.debug('c debug');
  console.log('c log');
  console.info('c %s', 'info');
  console.group(); console.warn('c warn'); console.groupEnd();
  console.error('c error');
  ctx.log.debug('l debug');
  ctx.log.info('l info', { a: 1, nested: { b: [true, null] } });
  ctx.log.warn('two\\nlines', { n: 10n });
  ctx.log.error('l error', { err: new TypeError('broken') });
  ctx.log.error('an error for fields', new RangeError('as it is'));
  ctx.log.info('no object', [1]);
  return 1;`);

/** Lines of three descriptors, which come in no order. @param {string[]} lines */
const sorted = (lines) => [...lines].sort();

for (const way of ways) {
  const title = way.mode === 'inprocess' ? way.mode : way.startup;

  t.test(`${title}: text`, async (t) => {
    /** @type {[string, string][]} */
    const live = [];
    /** @type {any[]} */
    const entries = [];
    const ctx = {
      onLog: (
        /** @type {string} */ line,
        /** @type {string} */ level,
        /** @type {any} */ entry,
      ) => {
        live.push([level, line]);
        entries.push(entry);
      },
    };
    const { ok, error, logs } = await run(t, body, { config: way, ctx });
    t.ok(ok, JSON.stringify(error));
    const levels = Object.fromEntries(live.map(([level, line]) => [line, level]));
    t.match(levels, {
      'c debug': 'debug',
      'c log': 'info',
      'c info': 'info',
      '  c warn': 'warn',
      'c error': 'error',
      'l debug': 'debug',
      'l info {"a":1,"nested":{"b":[true,null]}}': 'info',
      two: 'warn',
      'lines {"n":"10"}': 'warn',
    });
    t.same(sorted(logs), sorted(live.map(([, line]) => line)));
    const of = (/** @type {string} */ message) => entries.find((one) => one.message === message);
    t.same(of('l info').fields, { a: 1, nested: { b: [true, null] } });
    t.ok(Math.abs(of('l info').time - Date.now()) < 60_000);
    t.match(of('l error').fields.err, { name: 'TypeError', message: 'broken', stack: /handler/ });
    t.match(of('an error for fields').fields.err, { name: 'RangeError' });
    t.same(of('no object').fields, { value: [1] });
    const plain = await run(t, body, { config: way });
    const alike = (/** @type {string[]} */ lines) =>
      sorted(lines.map((line) => line.replaceAll(/sandbox-test-\w+/g, '')));
    t.same(alike(plain.logs), alike(logs), 'the same when nobody listens');
  });

  t.test(`${title}: json`, async (t) => {
    const { logs } = await run(t, body, { config: { ...way, monitoring: { logFormat: 'json' } } });
    const lines = logs.map((/** @type {string} */ line) => JSON.parse(line));
    t.equal(lines.length, 11);
    for (const { time } of lines) t.match(time, iso);
    const of = (/** @type {string} */ message) =>
      lines.find((/** @type {any} */ one) => one.message === message);
    t.match(of('l info'), { level: 'info', fields: { a: 1 } });
    t.match(of('two\nlines'), { level: 'warn', fields: { n: '10' } }, 'one line');
    t.match(of('  c warn'), { level: 'warn' });
    t.notOk('fields' in of('c log'));
  });

  t.test(`${title}: timed`, async (t) => {
    const { logs } = await run(t, body, { config: { ...way, monitoring: { logFormat: 'timed' } } });
    t.equal(logs.length, 11);
    for (const line of logs) t.match(line, iso);
    const ends = (/** @type {string} */ text) =>
      logs.some((/** @type {string} */ line) => line.endsWith(text));
    t.ok(ends('Z info  c log'));
    t.ok(ends('Z warn  two\\u000alines {"n":"10"}'));
  });

  t.test(`${title}: what steers a terminal or forges a line`, async (t) => {
    const hostile = handler(`
      console.log('a\\u001b[31m\\rb\\u009b\\u202e');
      ctx.log.info('x\\n{"level":"error"}', { 'k\\u001b': '\\u2028\\u007f', level: 'error', time: 0 });
      return 1;`);
    for (const logFormat of /** @type {const} */ (['timed', 'json'])) {
      const { logs } = await run(t, hostile, { config: { ...way, monitoring: { logFormat } } });
      t.equal(logs.length, 2, 'no line more');
      // eslint-disable-next-line no-control-regex -- these are meant
      for (const line of logs) t.notMatch(line, /[\x00-\x1f\x7f-\x9f\u2028\u202e]/);
      if (logFormat === 'timed') continue;
      const lines = logs.map((/** @type {string} */ line) => JSON.parse(line));
      const forged = lines.find((/** @type {any} */ { fields }) => fields);
      t.equal(forged.level, 'info');
      t.match(forged.time, iso);
      t.same(forged.fields, { 'k\u001b': '\u2028\u007f', level: 'error', time: 0 });
    }
  });

  t.test(`${title}: records that are none`, async (t) => {
    const hostile = handler(`
      const deep = '['.repeat(5000) + ']'.repeat(5000);
      for (const text of ['', '{', '[]', 'null', '{"m":1,"f":{}}', '{"m":"x","f":[1]}', '{"m":"x","f":7}'])
        console.log('\\u001e' + text);
      console.log('\\u001e{"m":"deep","f":{"d":' + deep + '}}');
      console.log('\\u001e{"m":"proto","f":{"__proto__":{"polluted":1},"ok":{"__proto__":1}}}');
      const cycle = { id: 7, size: 5n }; cycle.cycle = cycle;
      ctx.log.info('cycle', cycle);
      ctx.log.info('getter', { get a() { throw new Error('mine'); } });
      ctx.log.info('large', { text: 'x'.repeat(200_000) });
      ctx.log.info('l'.repeat(200_000), { small: 1 });
      return 1;`);
    const config = { ...way, monitoring: { logFormat: /** @type {const} */ ('json') } };
    const { ok, error, logs } = await run(t, hostile, { config });
    t.ok(ok, JSON.stringify(error));
    const lines = logs.map((/** @type {string} */ line) => JSON.parse(line));
    t.equal(lines.length, 13);
    const of = (/** @type {string} */ message) =>
      lines.find((/** @type {any} */ one) => one.message === message);
    t.match(JSON.stringify(of('deep').fields), /^\{"d":\[+"\[too deep\]"\]+\}$/);
    t.same(of('proto').fields, { ok: {} });
    t.equal(/** @type {any} */ ({}).polluted, undefined);
    t.same(of('cycle').fields, {
      id: 7,
      size: '5',
      cycle: { id: 7, size: '5', cycle: '[circular]' },
    });
    t.match(of('getter').fields, { unserializable: 'mine' });
    t.same(of('large').fields, { dropped: 'They were too large.' });
    t.ok(lines.some((/** @type {any} */ one) => /^l{5000,}… \(cut, 200000 char/.test(one.message)));
  });

  t.test(`${title}: the newest lines that fit`, async (t) => {
    const many = handler(`for (let i = 0; i < 20_000; i++) ctx.log.info('line', { i }); return 1;`);
    const monitoring = { logFormat: /** @type {const} */ ('json'), logBufferSizeMb: 0.1 };
    const { logs, logsDropped } = await run(t, many, { config: { ...way, monitoring } });
    t.equal(logs.length + logsDropped, 20_000);
    t.ok(logs.length < 5_000);
    t.equal(JSON.parse(logs.at(-1)).fields.i, 19_999);
  });

  t.test(`${title}: pino`, async (t) => {
    const stream = new PassThrough();
    const logger = pino({ level: 'debug' }, stream);
    const config = { ...way, monitoring: { logger, collectLogs: false } };
    const { ok, logs } = await run(t, body, { config });
    t.ok(ok);
    t.equal(logs, undefined);
    const lines = String(stream.read())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const of = (/** @type {string} */ msg) => lines.find((one) => one.msg === msg);
    t.match(of('l info'), { level: 30, requestId: 'test', loggedAt: Number, fields: { a: 1 } });
    t.match(of('c debug'), { level: 20 });
    t.match(of('  c warn'), { level: 40 });
    t.match(of('c error'), { level: 50 });
    t.match(of('two\\u000alines'), { level: 40 });
  });

  t.test(`${title}: a stream`, async (t) => {
    /** @type {string[]} */
    const written = [];
    const logger = { write: (/** @type {string} */ line) => written.push(line) };
    t.ok((await run(t, body, { config: { ...way, monitoring: { logger } } })).ok);
    t.equal(written.length, 11);
    for (const line of written) t.match(line, /^\{.*\}\n$/);
    t.match(
      written.map((line) => JSON.parse(line)).find(({ message }) => message === 'l info'),
      { time: iso, level: 'info', requestId: 'test', fields: { a: 1 } },
    );
  });

  t.test(`${title}: a stream that is slower than a flood`, async (t) => {
    /** @type {(() => void)[]} */
    const held = [];
    let bytes = 0;
    const logger = new Writable({
      highWaterMark: 16 << 10,
      write(chunk, _encoding, done) {
        bytes += chunk.length;
        held.push(done);
      },
    });
    const flood = handler(
      `for (let i = 0; i < 300; i++) console.log('x'.repeat(10_000)); return 1;`,
    );
    const runner = sandbox(t, { ...way, monitoring: { logger, collectLogs: false } });
    t.ok((await run(t, flood, { runner })).ok);
    t.ok(logger.writableLength < 64 << 10, `${logger.writableLength} bytes wait`);
    let last = '';
    logger._write = (chunk, _encoding, done) => {
      last = String(chunk);
      bytes += chunk.length;
      done();
    };
    const drained = new Promise((resolve) => logger.once('drain', resolve));
    for (const done of held) done();
    await drained;
    await new Promise((resolve) => setImmediate(resolve));
    t.match(JSON.parse(last), { level: 'warn', message: /^29\d lines were dropped/ });
    t.ok(bytes < 100_000);
  });

  t.test(`${title}: a logger that fails`, async (t) => {
    /** @type {any[]} */
    const warnings = [];
    const onWarning = (/** @type {any} */ warning) => warnings.push(warning);
    process.on('warning', onWarning);
    t.teardown(() => process.off('warning', onWarning));
    const fail = () => {
      throw new Error('the disk is full');
    };
    const logger = { debug: fail, info: fail, warn: fail, error: fail };
    t.ok((await run(t, body, { config: { ...way, monitoring: { logger } } })).ok);
    await new Promise((resolve) => setImmediate(resolve));
    t.match(warnings, [{ name: 'SandboxWarning', message: /the disk is full/ }]);
    t.equal(warnings.length, 1, 'told once');
  });
}

for (const way of ways.slice(0, 2)) {
  t.test(`${way.startup}: a handler's own hand in its console`, async (t) => {
    const text = handler(`
      const lines = [];
      const { write } = process.stderr;
      process.stderr.write = (chunk) => lines.push(chunk);
      console.warn('caught');
      process.stderr.write = write;
      const fs = await import('node:fs');
      await new Promise((resolve) => process.stdout.write('written\\n', resolve));
      console.warn('last');
      return lines;`);
    const { ok, data, logs } = await run(t, text, { config: way });
    t.ok(ok);
    t.same(data, ['caught\n']);
    t.same(sorted(logs), ['last', 'written']);
  });
}

t.test('what is no destination', async (t) => {
  for (const logger of [7, {}, { info() {} }, 'x', null])
    t.throws(() => sandbox(t, { monitoring: { logger: /** @type {any} */ (logger) } }), {
      code: 'VALIDATION_ERROR',
      issues: [{ path: 'monitoring.logger' }],
    });
  t.throws(() => sandbox(t, { monitoring: { logFormat: /** @type {any} */ ('xml') } }), {
    message: /'text', 'timed', 'json'/,
  });
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  sandbox(t, { monitoring: { logger } });
  t.notOk(Object.isFrozen(logger), 'it is still its owner’s');
});
