// What is within an error, in every mode; promises that nobody awaited; texts that are no UTF-8.
import t from 'tap';
import { project, sandbox } from './helper.js';

const HANDLERS = `import vm from 'node:vm';
export const any = () => Promise.any([1, 2].map(async (n) => { throw Object.assign(new Error('provider ' + n + ' is down'), { code: 'E' + n, status: 500 + n }); }));
export const chain = () => {
  const root = new RangeError('root');
  const middle = Object.assign(new TypeError('middle', { cause: root }), { code: 'EMIDDLE', tries: 3 });
  throw Object.assign(new Error('outer', { cause: middle }), { status: 503, retryable: true, request: { url: 'x', size: 5n } });
};
export const circular = () => {
  const one = new Error('one'); const two = new Error('two', { cause: one }); one.cause = two;
  one.self = one; one.errors = [one, two, one]; one.list = [one.self, { one }];
  throw one;
};
export const endless = () => {
  const deep = (n) => Object.assign(new AggregateError(Array.from({ length: 50 }, () => n > 0 ? deep(n - 1) : new Error('x'.repeat(10_000))), 'agg'), { note: 'y'.repeat(1 << 20) });
  const error = deep(2);
  for (let i = 0; i < 100_000; i++) error['field ' + i] = i;
  let nested = {}; for (let i = 0; i < 10_000; i++) nested = { nested };
  error.nested = nested;
  throw error;
};
export const hostile = () => { const error = new Error('mine'); Object.defineProperty(error, 'cause', { enumerable: true, get() { throw 1; } }); Object.defineProperty(error, 'field', { enumerable: true, get() { throw 1; } }); error.fine = 1; error.proxy = new Proxy({}, { ownKeys() { throw 1; }, get() { throw 1; } }); throw error; };
export const realm = (how) => {
  const error = vm.runInNewContext("Object.assign(new AggregateError([new TypeError('inner')], 'of another realm'), { status: 1 })");
  if (how === 'throw') throw error;
  return error;
};
export const log = (input, ctx) => { ctx.log.info('said', { err: vm.runInNewContext("new RangeError('of another realm')") }); };
export const returned = () => Object.assign(new AggregateError([new RangeError('one'), 'none', new AggregateError([new Error('two')])], 'agg', { cause: Object.assign(new Error('why'), { tries: 2 }) }), { status: 503, self: 1n });
export const promise = (where) => {
  const late = Promise.resolve(1);
  return { member: { data: late }, list: { items: [1, late] }, odd: { 'a b': [{ x: late }] }, deep: Array.from({ length: 5000 }, (_, i) => (i === 4000 ? { late } : { i })), none: [{}, {}, Object.create(null)], text: 'a {} b' }[where];
};
export const echo = (value) => value;
export const call = async (value, ctx) => ctx.host.take({ late: Promise.resolve(1) });
`;

const modes = { 'in a subprocess': {}, 'in-process': { mode: /** @type {const} */ ('inprocess') } };

for (const [mode, config] of Object.entries(modes)) {
  /** @param {any} t @param {object} [more] */
  const start = (t, more) => {
    const workdir = project(t, { 'handler.mjs': HANDLERS });
    const runner = sandbox(t, { ...config, ...more });
    return (/** @type {string} */ name, /** @type {unknown} */ input = undefined) =>
      runner.run({ file: './handler.mjs', export: name }, input, { requestId: 'r', workdir });
  };

  t.test(`${mode}: errors within errors`, async (t) => {
    const go = start(t);
    const errorOf = async (/** @type {string} */ name, /** @type {unknown} */ input) => {
      const result = await go(name, input);
      return result.ok ? undefined : result.error;
    };
    const any = await errorOf('any');
    t.match(any, { name: 'AggregateError', message: 'All promises were rejected' });
    t.match(
      any?.details?.errors,
      [1, 2].map((n) => ({
        name: 'Error',
        message: `provider ${n} is down`,
        code: `E${n}`,
        fields: { status: 500 + n },
        stack: /handler\.mjs:2:/,
      })),
    );
    const chain = await errorOf('chain');
    t.strictSame(chain?.details?.fields, {
      status: 503,
      retryable: true,
      request: { url: 'x', size: '5' },
    });
    t.equal(chain?.details?.cause, 'middle');
    t.match(chain?.details?.causes, [
      { name: 'TypeError', message: 'middle', code: 'EMIDDLE', fields: { tries: 3 } },
      { name: 'RangeError', message: 'root', stack: /handler\.mjs:4:/ },
    ]);
    t.equal(/** @type {any} */ (chain).details.causes.length, 2);

    t.match(await errorOf('circular'), { message: 'one', details: { cause: 'two' } });
    t.match(await errorOf('hostile'), { message: 'mine', details: { fields: { fine: 1 } } });
    const endless = await errorOf('endless');
    t.match(endless, { message: 'agg', details: { fields: { note: /^y+… \(cut, 1048576 / } } });
    const size = JSON.stringify(endless).length;
    t.ok(size > 10_000 && size < 500_000, `bounded: ${size} characters`);

    t.match(await errorOf('realm', 'throw'), {
      name: 'AggregateError',
      message: 'of another realm',
      details: { errors: [{ name: 'TypeError', message: 'inner' }], fields: { status: 1 } },
    });
    const { logs } = await go('log');
    t.match(logs, [/^said \{"err":\{"name":"RangeError","message":"of another realm","stack":"/]);
  });

  t.test(`${mode}: errors as results`, async (t) => {
    const go = start(t, { serialization: 'advanced' });
    const { data } = await go('returned');
    t.ok(data instanceof AggregateError, 'its class');
    t.equal(data.errors.length, 2, 'those of its errors that are errors');
    t.ok(data.errors[0] instanceof RangeError);
    t.equal(data.errors[1].errors[0].message, 'two');
    t.match(data.cause, { message: 'why', tries: 2 });
    t.match({ ...data }, { status: 503, self: '1' }, 'its own fields');
    const { data: other } = await go('realm');
    t.ok(other instanceof AggregateError, 'of another realm too');
    t.match([other.errors[0].name, other.status], ['TypeError', 1]);
  });

  t.test(`${mode}: names are the same everywhere`, async (t) => {
    const go = start(t, { execution: { maxResultBytes: 1000 } });
    const runner = sandbox(t, config);
    const workdir = project(t, { 'handler.mjs': 'export const handle = () => 1n;' });
    const ctx = { requestId: 'r', workdir };
    const of = async (/** @type {string} */ file, /** @type {string} */ name) =>
      /** @type {any} */ (await runner.run({ file, export: name }, 1, ctx)).error;
    t.match(await of('./handler.mjs', 'handle'), { name: 'TypeError', stack: /BigInt/ });
    t.match(await of('./none.mjs', 'handle'), {
      code: 'HANDLER_NOT_FOUND',
      name: 'HandlerNotFound',
    });
    t.match(await of('./handler.mjs', 'none'), {
      code: 'HANDLER_NOT_FOUND',
      name: 'HandlerNotFound',
    });
    const long = /** @type {any} */ (await go('echo', 'x'.repeat(2000))).error;
    t.equal(long.code, 'RESULT_TOO_LARGE');
    t.notOk('name' in long, 'nobody threw it');
  });

  for (const serialization of /** @type {const} */ (['json', 'advanced'])) {
    t.test(`${mode}, ${serialization}: a promise that nobody awaited`, async (t) => {
      const host = { take: () => 1, give: () => ({ late: Promise.resolve(1) }) };
      const go = start(t, { serialization, host });
      const places = {
        member: '.data',
        list: '.items[1]',
        odd: '["a b"][0].x',
        deep: '[4000].late',
      };
      for (const [where, place] of Object.entries(places)) {
        const { error } = /** @type {any} */ (await go('promise', where));
        t.match(error, { code: 'RESULT_NOT_SERIALIZABLE', name: 'TypeError' }, where);
        t.equal(
          error?.message,
          `The handler's result cannot be serialized: it has a promise at ${place}: await it`,
        );
      }
      t.same((await go('promise', 'none')).data, [{}, {}, {}], 'what is empty stays so');
      t.equal((await go('promise', 'text')).data, 'a {} b');
      t.match(await go('call'), { ok: false, error: { message: /a promise at/ } }, 'a host call');
      for (const input of [{ late: Promise.resolve(1) }, Array(5000).fill([Promise.resolve(1)])])
        t.match(await go('echo', input), {
          ok: false,
          error: { code: 'VALIDATION_ERROR', message: /a promise at .*: await it/ },
        });
    });

    t.test(`${mode}, ${serialization}: half a pair of surrogates`, async (t) => {
      const go = start(t, { serialization });
      const cut = 'Hi 😀'.slice(0, 4);
      const both = { '\ud800': 1, '\udc00': 2, '😀': [cut, '\udc00😀\ud83d', '\\\ud800'] };
      t.equal((await go('echo', cut)).data, cut);
      t.strictSame((await go('echo', both)).data, both);
    });
  }
}

t.test('what an error may have in the host is bounded there', async (t) => {
  const { toResult } = await import('../../lib/outcome.js');
  const { parseConfig } = await import('../../lib/config.js');
  const sent = (/** @type {string} */ details) => ({
    kind: 'exit',
    reason: 'none',
    result: null,
    error: Buffer.from(`{"code":"HANDLER_ERROR","message":"m","details":${details}}`),
  });
  const read = (/** @type {string} */ details) =>
    /** @type {any} */ (toResult(sent(details), { config: parseConfig({}) })).error.details;
  const deep = read(`{"deep":${'['.repeat(200_000)}${']'.repeat(200_000)}}`);
  t.ok(JSON.stringify(deep).length < 1000, 'in depth');
  const many = read(`{"many":[${'1,'.repeat(300_000)}1]}`);
  t.ok(JSON.stringify(many).length < 20_000, 'in number');
  t.notOk(Object.hasOwn(read('{"__proto__":{"polluted":1},"a":1}'), '__proto__'));
  t.strictSame(read('{"phase":"load","line":3}'), { phase: 'load', line: 3 }, 'and else as it was');
});
