// How many bytes went over connections, whoever closes them and however the guest ends.
import { once } from 'node:events';
import net from 'node:net';
import t from 'tap';
import { handler, hosts, run } from './helper.js';

const SENT = 5000;
const RECEIVED = 70_000;

/** Answers what it is sent, once it is all there. @param {any} t @param {string} [host] */
async function serve(t, host = '127.0.0.1') {
  const server = net.createServer((socket) => {
    let size = 0;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      size += data.length;
      if (size < SENT) return;
      const end = data.at(-1) === 1;
      if (end) socket.end(Buffer.alloc(RECEIVED));
      else socket.write(Buffer.alloc(RECEIVED));
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return /** @type {net.AddressInfo} */ (server.address()).port;
}

const code = `import net from 'node:net';\n${handler(`
  const talk = (last) => new Promise((resolve, reject) => {
    let size = 0;
    const socket = net.connect(input.port, input.host ?? '127.0.0.1');
    socket.on('error', reject).on('data', (data) => {
      size += data.length;
      if (size === ${RECEIVED}) resolve(socket);
    });
    socket.write(Buffer.alloc(${SENT}, last));
  });
  for (const how of input.how) {
    const socket = await talk(how === 'server' ? 1 : 0);
    if (how === 'end') await new Promise((resolve) => socket.on('close', resolve).end());
    if (how === 'destroy') socket.destroy();
    if (how === 'reset') socket.resetAndDestroy();
    if (how === 'kill') process.kill(process.pid, 'SIGKILL');
    if (how === 'abort') {
      console.log('now');
      await new Promise(() => setInterval(() => {}, 1000));
    }
  }
`)}`;

for (const startup of /** @type {('spawn' | 'fork')[]} */ (['spawn', 'fork']))
  for (const how of [
    ['end'],
    ['destroy'],
    ['server'],
    ['open'],
    ['kill'],
    ['abort'],
    ['end', 'destroy', 'server', 'open'],
  ])
    t.test(`${startup}: ${how.join(', ')}`, async (t) => {
      const port = await serve(t);
      const config = { ...hosts([`127.0.0.1:${port}`]), startup };
      const controller = new AbortController();
      const ctx = { signal: controller.signal, onLog: () => controller.abort() };
      const { metrics } = await run(t, code, { config, ctx, input: { port, how } });
      const [seen] = metrics.network;
      t.match(seen, { port, allowed: true, count: how.length, counted: how.length });
      t.equal(seen.bytesSent, SENT * how.length);
      // The end of a stream is a byte to the kernel.
      t.ok(seen.bytesReceived >= RECEIVED * how.length, `${seen.bytesReceived} came`);
      t.ok(seen.bytesReceived <= (RECEIVED + 1) * how.length, 'and no more');
    });

t.test('over IPv6, and by an address of IPv4 in it', async (t) => {
  const port = await serve(t, '::');
  for (const [host, rule] of [
    ['::1', '[::1]'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
  ]) {
    const { metrics, error } = await run(t, code, {
      config: hosts([`${rule}:${port}`]),
      input: { port, host, how: ['end', 'open'] },
    });
    t.match(metrics.network, [{ counted: 2, bytesSent: 2 * SENT }], host, { error });
  }
});

t.test('a connection that its guest resets is not counted', async (t) => {
  const port = await serve(t);
  const config = hosts([`127.0.0.1:${port}`]);
  const { metrics } = await run(t, code, { config, input: { port, how: ['reset', 'end'] } });
  t.match(metrics.network, [{ count: 2, counted: 1, bytesSent: SENT }]);
});

t.test('what is refused, and what nobody answers, has none', async (t) => {
  const port = await serve(t);
  const closed = await new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = /** @type {net.AddressInfo} */ (server.address());
      server.close(() => resolve(free));
    });
  });
  const body = `import net from 'node:net';\n${handler(`
    for (const port of input)
      await new Promise((resolve) => net.connect(port, '127.0.0.1').on('error', resolve));
  `)}`;
  const config = hosts([`127.0.0.1:${closed}`]);
  const { metrics } = await run(t, body, { config, input: [port, closed] });
  t.same(metrics.network[0], { address: '127.0.0.1', port, allowed: false, count: 1 });
  t.match(metrics.network[1], { port: closed, allowed: true, count: 1 });
  t.ok((metrics.network[1].bytesSent ?? 0) === 0);
});
