// Names: what dns.lookup of a guest answers, with a resolver under the test's control; where names
// lead that someone else has a say in; and guests that speak to the host without dns.lookup.
import t from 'tap';
import {
  NEVER,
  TELL,
  handler,
  hosts,
  project,
  resolver,
  run,
  sandbox,
  serveHttp,
} from './helper.js';

t.test('dns.lookup in all its forms', async (t) => {
  resolver(t, (name, { family }) => {
    if (name === 'gone.test') return undefined;
    const all = ['192.0.2.1', '2001:db8::1'];
    return family === 4 ? all[0] : family === 6 ? all[1] : all.reverse();
  });
  const code = `
import dns, { lookup as named } from 'node:dns';
import promises, { lookup as imported } from 'node:dns/promises';
import { promisify } from 'node:util';
import { AsyncLocalStorage } from 'node:async_hooks';
${TELL}${handler(`
  const store = new AsyncLocalStorage();
  const back = (...args) => new Promise((resolve) => {
    dns.lookup(...args, (error, ...rest) => resolve(error ? error.code : rest));
  });
  return {
    plain: await back('a.test'),
    family: await back('a.test', 4),
    options: await back('a.test', { family: 'IPv6' }),
    all: await back('a.test', { all: true }),
    order: await back('a.test', { all: true, verbatim: false }),
    named: named === dns.lookup && imported === promises.lookup && dns.promises === promises,
    promise: await promises.lookup('a.test'),
    promiseAll: await imported('a.test', { all: true }),
    promisified: await promisify(dns.lookup)('a.test'),
    address: await back('192.0.2.7'),
    empty: await promises.lookup('').catch((error) => error.code),
    gone: await tell(() => promises.lookup('gone.test')),
    spelled: await tell(() => promises.lookup('0x7f.1')),
    refused: await tell(() => promises.lookup('b.test')),
    back: await back('b.test'),
    wrong: await tell(() => dns.lookup('a.test', { family: 5 }, () => {})),
    context: await store.run(7, () => new Promise((resolve) => {
      dns.lookup('a.test', () => resolve(store.getStore()));
    })),
  };
`)}`;
  const { data, error } = await run(t, code, { config: hosts(['a.test', 'gone.test']) });
  t.equal(error, undefined);
  const four = { address: '192.0.2.1', family: 4 };
  const six = { address: '2001:db8::1', family: 6 };
  t.match(data, {
    plain: [six.address, 6],
    family: [four.address, 4],
    options: [six.address, 6],
    all: [[six, four]],
    order: [[four, six]],
    named: true,
    promise: six,
    promiseAll: [six, four],
    promisified: six,
    address: ['192.0.2.7', 4],
    gone: { code: 'ENOTFOUND', errno: -3008, syscall: 'getaddrinfo', hostname: 'gone.test' },
    spelled: { code: 'ENOTFOUND' },
    refused: { code: 'EACCES', message: /permissions\.network\.allow/ },
    back: 'EACCES',
    wrong: { code: 'ERR_INVALID_ARG_VALUE' },
    context: 7,
  });
});

t.test('what asks name servers is refused, and says what to use', async (t) => {
  const code = `
import dns from 'node:dns';
import { resolveTxt } from 'node:dns/promises';
${TELL}${handler(`
  const back = (act) => new Promise((resolve) => act((error) => resolve(error.message)));
  return [
    await tell(() => resolveTxt('a.test')),
    await tell(() => new dns.promises.Resolver().resolve4('a.test')),
    await back((done) => dns.resolve('a.test', done)),
    await back((done) => new dns.Resolver().resolveMx('a.test', done)),
    await back((done) => dns.reverse('192.0.2.1', done)),
  ];
`)}`;
  const { data } = await run(t, code, { config: hosts(['a.test']) });
  const use = /use it instead/;
  t.match(data, [{ code: 'EACCES', message: use }, { code: 'EACCES' }, use, use, use]);
});

t.test('guests without rules keep the dns of Node.js', async (t) => {
  const code = `import dns from 'node:dns';\n${handler('return String(dns.lookup);')}`;
  for (const network of [{ allow: [] }, { allow: ['*'] }]) {
    const { data } = await run(t, code, { config: { permissions: { network } } });
    t.match(data, 'validateHostname'.slice(0, 8));
    t.notMatch(data, 'wanted');
  }
});

t.test('rebinding: an allowed name that leads inward', async (t) => {
  const { port, connections } = await serveHttp(t);
  const places = {
    'loop.test': '127.0.0.1',
    'loop6.test': '::1',
    'mapped.test': '::ffff:127.0.0.1',
    'any.test': '0.0.0.0',
    'metadata.test': '169.254.169.254',
    'link.test': 'fe80::1',
    'private.test': '10.0.0.1',
    'home.test': '192.168.1.1',
    'unique.test': 'fd00::1',
    'nat64.test': '64:ff9b::a9fe:a9fe',
    'shared.test': '100.64.0.1',
  };
  resolver(t, (name) => /** @type {any} */ (places)[name]);
  const code = `${TELL}${handler(`
    return Promise.all(input.names.map((name) =>
      tell(async () => (await fetch(\`http://\${name}:\${input.port}/\`)).status)));
  `)}`;
  const names = Object.keys(places);
  const { data } = await run(t, code, { config: hosts(['*.test']), input: { names, port } });
  for (const [i, name] of names.entries())
    t.match(data[i], { code: 'EACCES', hostname: name, message: /is not public/ }, name);
  const input = { names: names.slice(0, 4), port };
  const open = await run(t, code, { config: hosts(['*.test', '127.0.0.0/8']), input });
  t.match(open.data, [200, { code: 'EACCES' }, 200, 200], 'with its address it is allowed');
  t.equal(connections(), 3);
});

t.test('a name whose answer changes between two lookups', async (t) => {
  const { port, connections } = await serveHttp(t);
  let times = 0;
  resolver(t, () => (times++ === 0 ? '192.0.2.1' : '127.0.0.1'));
  const code = `import { lookup } from 'node:dns/promises';\n${TELL}${handler(`
    return [
      await tell(() => lookup('a.test')),
      await tell(async () => (await fetch(\`http://a.test:\${input}/\`)).status),
    ];
  `)}`;
  const { data } = await run(t, code, { config: hosts(['a.test']), input: port });
  t.match(data, [{ address: '192.0.2.1' }, { code: 'EACCES' }]);
  t.equal(connections(), 0);
});

t.test('some addresses of a name are allowed, some are not', async (t) => {
  resolver(t, () => ['10.0.0.1', '192.0.2.1', '169.254.169.254', '198.51.100.9']);
  const code = `import { lookup } from 'node:dns/promises';\n${handler(`
    return (await lookup('a.test', { all: true })).map(({ address }) => address);
  `)}`;
  const config = hosts(['a.test', '10.0.0.0/8'], ['198.51.100.0/24']);
  t.same((await run(t, code, { config })).data, ['10.0.0.1', '192.0.2.1']);
});

t.test('what one run has looked up is not open for another', async (t) => {
  const { port } = await serveHttp(t);
  resolver(t, () => '127.0.0.1');
  const code = `${TELL}${handler(`
    return tell(async () => (await fetch(\`http://\${input.host}:\${input.port}/\`)).status);
  `)}`;
  // Its address is allowed at another port, so that the name may lead there.
  const runner = sandbox(t, hosts([`a.test:${port}`, '127.0.0.1:9']));
  const get = async (/** @type {string} */ host) =>
    (await run(t, code, { runner, input: { host, port } })).data;
  t.match(await get('a.test'), { code: 'EACCES' }, 'inward at that port');
  const open = sandbox(t, hosts(['a.test', `127.0.0.1:${port}`]));
  t.equal((await run(t, code, { runner: open, input: { host: 'a.test', port } })).data, 200);
  t.match(await get('127.0.0.1'), { code: 'EACCES' });
});

t.test('a slow name keeps neither the others nor the end of the run waiting', async (t) => {
  resolver(t, (name) => (name === 'slow.test' ? NEVER : '192.0.2.1'));
  const config = hosts(['*.test']);
  const ways = {
    returns: 'return 1;',
    throws: 'throw new Error("over");',
    exits: 'process.exit(3);',
    rejects: 'setTimeout(() => { throw new Error("late"); }, 1); await new Promise(() => {});',
  };
  const codes = {
    returns: undefined,
    throws: 'HANDLER_ERROR',
    exits: 'HANDLER_EXIT',
    rejects: 'HANDLER_ERROR',
  };
  for (const [name, way] of Object.entries(ways)) {
    const code = `import dns from 'node:dns';\n${handler(`
      dns.lookup('slow.test', () => {});
      ${way}
    `)}`;
    const result = await run(t, code, { config });
    t.equal(result.error?.code, /** @type {any} */ (codes)[name], name);
  }
});

t.test('a name that nobody answers does not keep the names of another run waiting', async (t) => {
  resolver(t, (name) => (name.startsWith('slow') ? NEVER : '192.0.2.1'));
  const code = `import { lookup } from 'node:dns/promises';\n${handler(`
    return (await Promise.all(input.map((name) => lookup(name)))).length;
  `)}`;
  const runner = sandbox(t, { ...hosts(['*.test']), execution: { concurrency: 2 } });
  const stop = new AbortController();
  const slow = Array.from({ length: 10 }, (_, i) => `slow${i}.test`);
  const stuck = run(t, code, { runner, input: slow, ctx: { signal: stop.signal } });
  for (let i = 0; i < 3; i++)
    t.equal((await run(t, code, { runner, input: ['fast.test'] })).data, 1);
  stop.abort();
  t.match(await stuck, { error: { code: 'ABORTED' } });
});

t.test('hundreds of names at a time', async (t) => {
  const asked = resolver(t, (name) => `198.51.100.${name.split('.')[0]}`);
  const code = `import { lookup } from 'node:dns/promises';\n${handler(`
    const all = Array.from({ length: 400 }, (_, i) => lookup(i % 200 + '.test'));
    return (await Promise.all(all)).map(({ address }) => address);
  `)}`;
  const { data } = await run(t, code, { config: hosts(['*.test']) });
  t.same(
    data,
    Array.from({ length: 400 }, (_, i) => `198.51.100.${i % 200}`),
  );
  t.equal(asked.length, 400);
});

t.test('a resolver that fails, throws, or answers with nonsense', async (t) => {
  resolver(t, (name) => {
    if (name === 'throws.test') throw new Error('a mistake');
    if (name === 'nonsense.test') return ['no address', '1.2.3', 'fe80::1%eth0'];
    if (name === 'empty.test') return [];
    return Object.assign(new Error('again'), { code: 'EAI_AGAIN', errno: -3001 });
  });
  const code = `import { lookup } from 'node:dns/promises';\n${TELL}${handler(`
    return Promise.all(input.map((name) => tell(() => lookup(name))));
  `)}`;
  const input = ['again.test', 'empty.test', 'nonsense.test'];
  const { data } = await run(t, code, { config: hosts(['*.test']), input });
  t.match(data, [
    { code: 'EAI_AGAIN', errno: -3001, hostname: 'again.test' },
    { code: 'ENOTFOUND' },
    { code: 'ENOTFOUND' },
  ]);
});

const RAW = `
import fs from 'node:fs';
const frame = (type, payload) => {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(payload.length, 0);
  head[4] = 1;
  head[5] = type;
  fs.writeSync(3, Buffer.concat([head, payload]));
};
const ask = (id, name, family = 0) => {
  const payload = Buffer.concat([Buffer.alloc(8), Buffer.from(name)]);
  payload.writeUInt32LE(id, 0);
  payload[4] = family;
  frame(22, payload);
};
const forever = () => new Promise(() => setInterval(() => {}, 1000));
`;

t.test('guests that break the protocol are killed', async (t) => {
  resolver(t, () => NEVER);
  const config = hosts(['*.test']);
  const cases = {
    'too many at a time': 'for (let i = 0; i < 65; i++) ask(i, "a.test"); await forever();',
    'a family that there is not': 'ask(1, "a.test", 5); await forever();',
    'no name': 'ask(1, ""); await forever();',
    'a long name': 'ask(1, "a".repeat(256)); await forever();',
    'answers that are not read':
      'for (let i = 0; i < 1e5; i++) ask(i, "b.example"); await forever();',
  };
  for (const [name, body] of Object.entries(cases)) {
    const result = await run(t, RAW + handler(body), { config });
    t.match(result, { error: { code: 'PROCESS_CRASHED', message: /protocol/ } }, name);
  }
  const closed = await run(t, RAW + handler('ask(1, "a.test"); await forever();'));
  t.match(closed, { error: { code: 'PROCESS_CRASHED', message: /protocol/ } }, 'without rules');
});

t.test('names that are none are not resolved', async (t) => {
  const asked = resolver(t, () => '192.0.2.1');
  const names = ['a\\0.test', 'a test', '127.1.', '..', '\u00fc.test', '*.test', 'b.example'];
  const code = `${RAW}${handler(`
    for (const [i, name] of ${JSON.stringify(names)}.entries()) ask(i, name);
    ask(99, 'a.test');
    const seen = {};
    const room = Buffer.alloc(4096);
    while (seen[99] === undefined) {
      const n = fs.readSync(3, room);
      for (let at = 0; at < n; at += 8 + room.readUInt32LE(at))
        seen[room.readUInt32LE(at + 8)] = room[at + 12];
    }
    return seen;
  `)}`;
  const { data, error } = await run(t, code, { config: hosts(['*.test']) });
  t.equal(error, undefined);
  t.same(data, { 0: 4, 1: 4, 2: 4, 3: 4, 4: 4, 5: 4, 6: 0, 99: 1 });
  t.same(asked, ['a.test']);
});

t.test('runs that end while the host resolves', async (t) => {
  /** @type {() => void} */
  let answer = () => {};
  resolver(t, async () => {
    await new Promise((resolve) => {
      answer = () => resolve(undefined);
    });
    return '192.0.2.1';
  });
  const runner = sandbox(t, { ...hosts(['a.test']), execution: { timeoutMs: 2000 } });
  const code = `import { lookup } from 'node:dns/promises';\n${handler(`
    await lookup('a.test');
  `)}`;
  const result = await run(t, code, { runner });
  t.match(result, { error: { code: 'TIMEOUT' } });
  answer();
  const dir = project(t, handler('return 1;'));
  const after = await runner.run({ file: './handler.mjs', export: 'handle' }, 0, {
    requestId: '2',
    workdir: dir,
  });
  t.match(after, { ok: true, data: 1 }, 'the late answer does no harm');
});
