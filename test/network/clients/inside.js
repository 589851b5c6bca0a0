// The tests of run.sh, in the world of world.js.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { createSandboxRunner } from '../../../lib/index.js';
import { ADDRESSES, PASSWORD } from './zone.js';

const handlers = fileURLToPath(new URL('./handlers', import.meta.url));
const ca = fs.readFileSync(new URL('../fixtures/tls/ca.pem', import.meta.url), 'utf8');

/**
 * @param {any} t
 * @param {string[]} allow
 * @param {{ deny?: string[], startup?: 'spawn' | 'fork' }} [more]
 */
function sandbox(t, allow, { deny = [], startup } = {}) {
  const runner = createSandboxRunner({
    ...(startup && { startup }),
    permissions: { network: { allow, deny } },
    execution: { timeoutMs: 30_000 },
    monitoring: { collectNetwork: true },
  });
  t.teardown(() => runner.dispose());
  return (/** @type {string} */ file, /** @type {any} */ input) =>
    runner.run(
      { file: `./${file}.mjs`, export: 'handle' },
      { ca, password: PASSWORD, ...input },
      { requestId: file, workdir: handlers },
    );
}

/** The client, the name it goes by, and what comes of it. @type {[string, string, any][]} */
const CLIENTS = [
  ['fetch', 'web.test', { host: 'web.test', url: '/fetch' }],
  ['fetch', 'six.test', { host: 'six.test', at: ADDRESSES.open6 }],
  ['fetch', 'both.test', { host: 'both.test' }],
  ['http-keep-alive', 'web.test', { urls: ['/0', '/1', '/2', '/3'], same: 1 }],
  ['https', 'secure.test', { host: 'secure.test', url: '/secure' }],
  ['undici', 'secure.test', { url: '/undici', posted: ['a', 'b', 'c'] }],
  ['axios', 'web.test', { url: '/axios', body: { a: 1 } }],
  ['ws', 'secure.test', 'you said hello'],
  ['pg', 'secure.test', { sum: 5050, ssl: true }],
  ['ioredis', 'web.test', 'value'],
  ['nodemailer', 'secure.test', /subject a sink, to b@secure\.test, secure true/],
];

/** @param {any} t @param {'spawn' | 'fork'} startup */
function playClients(t, startup) {
  const names = [...new Set(CLIENTS.map(([, name]) => name))];
  const judged = sandbox(t, names, { startup });
  const open = sandbox(t, ['*'], { startup });
  for (const [client, host, expected] of CLIENTS)
    t.test(`${client}, ${host}`, async (t) => {
      const { data, error, metrics } = await judged(client, { host });
      t.match(data, expected, 'it does its work', { error });
      t.ok(
        metrics.network?.every(({ name, allowed }) => name === host && allowed),
        'by that name, and nothing was refused',
        { network: metrics.network },
      );
    });

  for (const client of new Set(CLIENTS.map(([name]) => name)))
    t.test(`${client}, denied`, async (t) => {
      const { error, metrics } = await judged(client, { host: 'no.test' });
      t.match(error, {
        code: 'PERMISSION_DENIED',
        message: /no\.test.*permissions\.network\.allow/,
        details: { key: 'permissions.network.allow' },
      });
      t.match(metrics.network, [{ name: 'no.test', allowed: false }]);
    });

  t.test('the same name without rules', async (t) => {
    const { data, error } = await open('fetch', { host: 'no.test' });
    t.match(data, { host: 'no.test', at: ADDRESSES.closed }, 'is open', { error });
  });
}

for (const startup of /** @type {('spawn' | 'fork')[]} */ (['spawn', 'fork']))
  t.test(`Node.js ${process.version}, uid ${process.getuid?.()}, ${startup}`, async (t) =>
    playClients(t, startup),
  );

t.test('names, by the system resolver', async (t) => {
  const ask = sandbox(t, ['*.test'], { deny: ['no.test'] });
  const names = ['web.test', 'WEB.test.', 'both.test', 'no.test', 'gone.test', 'many.test'];
  const { data } = /** @type {any} */ (await ask('lookup', { names }));
  t.same(data.slice(0, 3), [
    [ADDRESSES.open],
    [ADDRESSES.open],
    [ADDRESSES.open6, ADDRESSES.open].sort(),
  ]);
  t.match(data[3], { code: 'EACCES', message: /permissions\.network\.deny/ });
  t.match(data[4], { code: 'ENOTFOUND' });
  t.equal(data[5].length, 60, 'what no datagram holds');
});

t.test('names that lead inwards', async (t) => {
  const ask = sandbox(t, ['*.test']);
  const names = ['private.test', 'metadata.test', 'mixed.test', 'rebinding.test', 'rebinding.test'];
  const { data } = /** @type {any} */ (await ask('lookup', { names }));
  t.match(data[0], { code: 'EACCES', message: /10\.1\.2\.3 is not public/ });
  t.match(data[1], { code: 'EACCES', message: /169\.254\.169\.254 is not public/ });
  t.same(data[2], [ADDRESSES.open], 'only what is public');
  t.same(data[3], [ADDRESSES.open], 'the first answer');
  t.match(data[4], { code: 'EACCES', message: /169\.254\.169\.254/ }, 'the second one');

  for (const host of ['private.test', 'metadata.test', ADDRESSES.private, ADDRESSES.metadata]) {
    const { error } = await ask('fetch', { host });
    t.match(error, { code: 'PERMISSION_DENIED' }, host);
  }
  const also = sandbox(t, ['private.test', 'metadata.test', '10.0.0.0/8', ADDRESSES.metadata]);
  for (const host of ['private.test', 'metadata.test']) {
    const { data, error } = await also('fetch', { host });
    t.match(data, { host }, `${host}, where its address is allowed too`, { error });
  }
});
