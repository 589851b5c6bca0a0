// Host functions: what a handler may call, what it gets, and what it may not.
import t from 'tap';
import { z } from 'zod';
import { everyWay, sandbox } from './helper.js';

everyWay(t, 'results, by name and by call()', async (t, way) => {
  /** @type {any[]} */
  const contexts = [];
  const { run } = sandbox(t, {
    ...way,
    permissions: { capabilities: ['host:cache'] },
    host: {
      add: (context, a, b) => {
        contexts.push(context);
        return a + b;
      },
      'cache.get': { call: async (_, key) => ({ key }), capability: 'host:cache' },
      nothing: () => {},
    },
  });
  t.strictSame((await run('byName', null, { tenant: 't1' })).data, [
    3,
    { key: 'a' },
    ['add', 'cache', 'call', 'nothing'],
  ]);
  const [{ name, requestId, capabilities, signal, ctx }] = contexts;
  t.strictSame([name, requestId, capabilities, ctx.tenant], ['add', 'r1', ['host:cache'], 't1']);
  t.equal(signal.aborted, false);
  const { data, metrics } = await run('call', { name: 'nothing', args: [] });
  t.equal(data, undefined);
  t.match(metrics.host, [{ name: 'nothing', calls: 1, errors: 0, denied: 0 }]);
});

everyWay(t, 'without functions there is no ctx.host', async (t, way) => {
  t.equal((await sandbox(t, way).run('noHost')).data, true);
});

everyWay(t, 'errors: name, message, code, and the stack with debug alone', async (t, way) => {
  const { run } = sandbox(t, {
    ...way,
    host: {
      fails: () => {
        throw Object.assign(new RangeError('too far'), { code: 'E_FAR' });
      },
      rejects: () => Promise.reject(Object.assign(new Error('no'), { name: 'Odd' })),
      strange: () => {
        throw 'text';
      },
      cyclic: () => {
        const value = /** @type {any} */ ({});
        value.value = value;
        return value;
      },
    },
  });
  const { data } = await run('caught', { name: 'fails' });
  t.match(data, { name: 'RangeError', native: 'RangeError', code: 'E_FAR', message: 'too far' });
  t.notMatch(data.stack, /calls\.test/);
  t.match((await run('caught', { name: 'fails' }, { debug: true })).data.stack, /calls\.test/);
  t.match((await run('caught', { name: 'rejects' })).data, { name: 'Odd', native: 'Error' });
  t.match((await run('caught', { name: 'strange' })).data, { message: 'text' });
  t.match((await run('caught', { name: 'cyclic' })).data, { message: /cannot be sent/ });
  const missing = { code: 'HOST_FUNCTION_NOT_FOUND' };
  for (const name of ['nobody', '__proto__', 'constructor', 'toString'])
    t.match((await run('caught', { name })).data, missing, name);
  const uncaught = await run('call', { name: 'fails', args: [] });
  t.match(uncaught.error, {
    code: 'HANDLER_ERROR',
    name: 'RangeError',
    details: { code: 'E_FAR' },
  });
  t.match(uncaught.metrics.host, [{ name: 'fails', calls: 1, errors: 1 }]);
});

everyWay(t, 'a call without the capability is refused and recorded', async (t, way) => {
  let called = 0;
  const host = { secret: { call: () => ++called, capability: 'host:secret' } };
  const { run } = sandbox(t, { ...way, host });
  t.match((await run('caught', { name: 'secret' })).data, { code: 'PERMISSION_DENIED' });
  const { error, metrics } = await run('call', { name: 'secret', args: [] });
  t.match(error, { code: 'PERMISSION_DENIED', message: /permissions\.capabilities/ });
  t.equal(error.details.key, 'permissions.capabilities');
  t.match(metrics.host, [{ name: 'secret', calls: 0, errors: 0, denied: 1 }]);
  t.equal(called, 0);
  const allowed = sandbox(t, { ...way, host, permissions: { capabilities: ['host:secret'] } });
  t.equal((await allowed.run('call', { name: 'secret', args: [] })).data, 1);
});

everyWay(t, 'a schema checks the arguments', async (t, way) => {
  const { run } = sandbox(t, {
    ...way,
    host: {
      set: {
        call: (_, ...args) => args,
        schema: z.tuple([z.string().max(3).toUpperCase(), z.number().default(7)]),
      },
      old: {
        call: (_, ...args) => args,
        schema: {
          parse: (/** @type {any} */ args) => {
            if (args.length !== 1) throw new Error('one');
            return args;
          },
        },
      },
      later: {
        call: (_, ...args) => args,
        schema: { '~standard': { validate: async (/** @type {any} */ value) => ({ value }) } },
      },
    },
  });
  t.strictSame((await run('call', { name: 'set', args: ['abc', 1] })).data, ['ABC', 1]);
  const refused = (await run('caught', { name: 'set', args: ['abcd', 1] })).data;
  t.match(refused, { native: 'TypeError', code: 'VALIDATION_ERROR', message: /argument 0/ });
  t.strictSame((await run('call', { name: 'old', args: [1] })).data, [1]);
  t.match((await run('caught', { name: 'old', args: [] })).data, { message: /one/ });
  t.strictSame((await run('call', { name: 'later', args: [1] })).data, [1]);
});

everyWay(t, "'advanced' arguments and results", async (t, way) => {
  const host = { echo: (/** @type {any} */ _, /** @type {any[]} */ ...args) => args };
  const { data } = await sandbox(t, { ...way, host, serialization: 'advanced' }).run('advanced');
  t.strictSame(data, [[new Map([['k', new Set([1n])]]), new Date(5), undefined], true, true]);
});

everyWay(t, 'arguments that would change a prototype are refused', async (t, way) => {
  const { run } = sandbox(t, { ...way, host: { echo: (_, ...args) => args } });
  for (const text of [
    '{"__proto__":{"a":1}}',
    '[{"constructor":{"prototype":{"a":1}}}]',
    '{"\\u005f_proto__":1}',
  ]) {
    const result = await run('caught', { name: 'echo', args: [JSON.parse(text)] });
    t.match(result.data, { code: 'VALIDATION_ERROR' }, text);
  }
  const fine = { constructor: 'Acme', text: 'constructor __proto__' };
  t.strictSame((await run('call', { name: 'echo', args: [fine] })).data, [fine]);
});

everyWay(t, 'signals go both ways', async (t, way) => {
  let started = () => {};
  const begun = new Promise((resolve) => (started = () => resolve(undefined)));
  /** @type {unknown[]} */
  const aborted = [];
  const { run } = sandbox(t, {
    ...way,
    host: {
      waits: ({ signal }, ...args) => {
        aborted.push(args.length);
        started();
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            aborted.push(signal.reason.name);
            reject(signal.reason);
          });
        });
      },
      started: () => begun,
      saw: () => aborted,
    },
  });
  t.strictSame((await run('abortCall')).data, ['enough', 'never', [0, 'AbortError']]);
  aborted.length = 0;
  t.equal((await run('leaveOpen')).ok, true);
  t.strictSame(aborted, [0, 'AbortError'], 'the end of the run aborts what it called');
});

t.test('a configuration that is not valid names what is wrong', async (t) => {
  const { createSandboxRunner } = await import('../../lib/index.js');
  const fails = (/** @type {any} */ host, /** @type {any} */ issues) =>
    t.throws(() => createSandboxRunner({ host }), { code: 'VALIDATION_ERROR', issues });
  const fn = () => {};
  fails([], [{ path: 'host' }]);
  fails({ a: 5 }, [{ path: 'host.a' }]);
  fails({ call: fn }, [{ path: 'host.call' }]);
  fails({ 'a.then': fn }, [{ path: 'host.a.then' }]);
  fails(JSON.parse('{"__proto__": 1}'), [{}]);
  fails({ 'a b': fn }, [{ path: 'host.a b' }]);
  fails({ a: fn, 'a.b': fn }, [{ path: 'host.a.b' }]);
  fails({ a: { call: fn, schema: 1 } }, [{ path: 'host.a.schema' }]);
  fails({ a: { call: fn, timeoutMs: 0, capability: '' } }, [
    { path: 'host.a.capability' },
    { path: 'host.a.timeoutMs' },
  ]);
  fails({ a: { call: fn, capabilities: [] } }, [{ path: 'host.a.capabilities' }]);
});
