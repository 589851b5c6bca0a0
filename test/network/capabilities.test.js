// Rules of the network beside the capabilities that open other sockets: each opens its own, and what the
// rules say stays.
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import t from 'tap';
import { TELL, handler, hosts, project, resolver, run, serveHttp, sandbox } from './helper.js';
import { needs } from '../needs.js';

/** @param {string[]} allow @param {string[]} capabilities @param {object} [more] */
function configure(allow, capabilities, more = {}) {
  const { permissions, monitoring } = hosts(allow);
  return { monitoring, permissions: { ...permissions, capabilities, ...more } };
}

/** @param {any} t */
async function serveDatagrams(t) {
  const seen = /** @type {string[]} */ ([]);
  const socket = dgram.createSocket('udp4');
  socket.on('message', (data, { port, address }) => {
    seen.push(String(data));
    socket.send(`you said ${data}`, port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return { port: socket.address().port, seen };
}

/** Whether there are namespaces, which 'net:unix' needs. @param {any} t */
function hasNamespaces(t) {
  const { layers } = sandbox(t).isolation();
  return layers.some((layer) => layer.name === 'namespaces' && layer.status === 'active');
}

t.test('net:listen: the host connects to the guest', async (t) => {
  const { port: closed, connections } = await serveHttp(t);
  const code = `import net from 'node:net';\n${TELL}${handler(`
    const refused = await tell(() => fetch(\`http://127.0.0.1:\${input}/\`));
    const server = net.createServer((socket) => socket.end('hello'));
    await new Promise((resolve, reject) => {
      server.on('error', reject).listen(0, '127.0.0.1', resolve);
    });
    const gone = new Promise((resolve) => server.once('connection', (socket) => socket.on('close', resolve)));
    console.log('port', server.address().port);
    await gone;
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    // What listens no more has let its port go.
    await new Promise((resolve, reject) => {
      server.on('error', reject).listen(port, '127.0.0.1', resolve);
    });
    server.close();
    return refused;
  `)}`;
  let said = /** @type {Promise<string> | undefined} */ (undefined);
  const ctx = {
    onLog(/** @type {string} */ line) {
      const socket = net.connect(Number(line.split(' ')[1]), '127.0.0.1').setEncoding('utf8');
      said = once(socket, 'data').then(([text]) => text);
    },
  };
  const config = configure(['192.0.2.1'], ['net:listen']);
  const { data, error } = await run(t, code, { config, ctx, input: closed });
  t.equal(error, undefined);
  t.equal(await said, 'hello');
  t.match(data, { code: 'EACCES', syscall: 'connect' }, 'what no rule allows stays closed');
  t.equal(connections(), 0);
});

t.test('without net:listen nothing is bound', async (t) => {
  const code = `import net from 'node:net';\n${TELL}${handler(`
    return tell(() => new Promise((resolve, reject) => {
      net.createServer().on('error', reject).listen(0, '127.0.0.1', resolve);
    }));
  `)}`;
  for (const capabilities of [[], ['net:unix']]) {
    if (capabilities.length && !hasNamespaces(t)) continue;
    const { data } = await run(t, code, { config: configure(['127.0.0.1'], capabilities) });
    t.match(data, { code: 'EACCES' }, `with ${capabilities}`);
  }
});

const DATAGRAM = `import dgram from 'node:dgram';
${TELL}
const talk = (send, type = 'udp4') => tell(() => new Promise((resolve, reject) => {
  const socket = dgram.createSocket(type);
  socket.on('error', reject);
  socket.on('message', (data) => { resolve(String(data)); socket.close(); });
  send(socket, (error) => error && reject(error));
}));
`;

t.test('net:udp: each datagram goes by the rules', async (t) => {
  const [open, closed] = [await serveDatagrams(t), await serveDatagrams(t)];
  resolver(t, (name) => (name === 'a.test' ? '127.0.0.1' : undefined));
  const code =
    DATAGRAM +
    handler(`
    const { open, closed } = input;
    return {
      sent: await talk((s, done) => s.send('1', open, '127.0.0.1', done)),
      byName: await talk((s, done) => s.send('2', open, 'a.test', done)),
      connected: await talk((s, done) => s.connect(open, '127.0.0.1', (error) => {
        if (error) return done(error);
        s.send('3', done);
      })),
      again: await talk((s, done) => s.connect(open, '127.0.0.1', (error) => {
        if (error) return done(error);
        s.disconnect();
        s.send(['4', 'a'], open, '127.0.0.1', done);
      })),
      empty: await talk((s, done) => s.send('', open, '127.0.0.1', done)),
      large: (await talk((s, done) => s.send('5'.repeat(60000), open, '127.0.0.1', done))).length,
      many: await talk((s, done) => {
        s.bind(0, '127.0.0.1', () => {
          for (let i = 0; i < 50; i++) s.send('6', open, '127.0.0.1', done);
        });
      }),
      refused: await talk((s, done) => s.send('no', closed, '127.0.0.1', done)),
      refusedName: await talk((s, done) => s.send('no', open, 'b.test', done)),
      refusedConnected: await talk((s, done) => s.connect(closed, '127.0.0.1', done)),
      refusedMapped: await talk((s, done) => s.send('no', closed, '::ffff:127.0.0.1', done), 'udp6'),
    };
  `);
  const config = configure(['a.test', `127.0.0.1:${open.port}`], ['net:udp']);
  const input = { open: open.port, closed: closed.port };
  const { data, error, metrics } = await run(t, code, { config, input });
  t.equal(error, undefined);
  const refused = { code: 'EACCES' };
  t.match(data, {
    sent: 'you said 1',
    byName: 'you said 2',
    connected: 'you said 3',
    again: 'you said 4a',
    empty: 'you said ',
    large: 60000 + 'you said '.length,
    many: 'you said 6',
    refused,
    refusedName: refused,
    refusedConnected: refused,
    refusedMapped: refused,
  });
  t.same(closed.seen, [], 'nothing arrived where no rule leads');
  t.match(metrics.network[0], { address: '127.0.0.1', port: open.port, allowed: true });
  const before = open.seen.length;
  const without = configure([`127.0.0.1:${open.port}`], []);
  const { data: none } = await run(t, code, { config: without, input });
  t.match(
    none,
    { sent: refused, connected: refused, byName: refused, many: refused },
    'without it there is no UDP',
  );
  t.same(open.seen.length, before, 'nor has anything arrived');
});

t.test('without net:udp, what is sent or bound says what it would take', async (t) => {
  // There is no socket without, which Node.js says of bind(2).
  if (!needs(t, 'namespaces')) return;
  const { port, seen } = await serveDatagrams(t);
  const code = `import dgram from 'node:dgram';\n${handler(`
    await new Promise((resolve, reject) => {
      const socket = dgram.createSocket('udp4').on('error', reject);
      if (input.bind) socket.bind(input.bind, '127.0.0.1', resolve);
      else socket.send('no', input.port, '127.0.0.1', (error) => error ? reject(error) : resolve());
    });
  `)}`;
  for (const allow of [[`127.0.0.1:${port}`], ['192.0.2.1']]) {
    const config = configure(allow);
    const { error } = await run(t, code, { config, input: { port } });
    t.match(error, { code: 'PERMISSION_DENIED', message: /'net:udp'/ }, `sent, ${allow}`);
    const { error: bound } = await run(t, code, { config, input: { bind: 5353 } });
    t.match(bound, { code: 'PERMISSION_DENIED', message: /'net:/ }, `bound, ${allow}`);
  }
  t.same(seen, []);
});

t.test('net:unix: paths of the view', async (t) => {
  if (!needs(t, 'namespaces')) return;
  const dirs = { open: project(t, {}), closed: project(t, {}) };
  for (const dir of Object.values(dirs)) {
    const server = net.createServer((socket) => socket.end(`hello from ${path.basename(dir)}`));
    server.listen(path.join(dir, 'socket'));
    await once(server, 'listening');
    t.teardown(() => server.close());
  }
  const code = `import net from 'node:net';\n${TELL}${handler(`
    const get = (path) => tell(() => new Promise((resolve, reject) => {
      net.connect(path).setEncoding('utf8').on('error', reject).on('data', resolve);
    }));
    process.chdir(input.open);
    return {
      open: await get(input.open + '/socket'),
      relative: await get('./socket'),
      closed: await get(input.closed + '/socket'),
      around: await get('../' + input.closed.split('/').at(-1) + '/socket'),
      through: await get('/proc/self/root' + input.open + '/socket'),
      missing: await get(input.open + '/none'),
      directory: await get(input.open),
      abstract: await get('\\0sandbox-test'),
      tcp: await tell(() => fetch('http://127.0.0.1:81/')),
    };
  `)}`;
  const config = configure(['192.0.2.1'], ['net:unix'], { filesystem: { allow: [dirs.open] } });
  const { data, error } = await run(t, code, { config, input: dirs });
  t.equal(error, undefined);
  const hello = `hello from ${path.basename(dirs.open)}`;
  t.match(data, {
    open: hello,
    relative: hello,
    closed: { code: 'ENOENT' },
    around: { code: 'ENOENT' },
    through: { code: /EACCES|ENOENT/ },
    missing: { code: 'ENOENT' },
    directory: { code: 'ECONNREFUSED' },
    abstract: { code: 'EACCES' },
    tcp: { code: 'EACCES' },
  });
  const without = configure(['192.0.2.1'], [], { filesystem: { allow: [dirs.open] } });
  const { data: none } = await run(t, code, { config: without, input: dirs });
  t.match(none, { open: { code: 'EACCES' }, relative: { code: 'EACCES' } }, 'without it, none');
});
