// Network rules for guests that are forked: each has a broker of its own, which is there once the guest
// asks for something, and what a name has opened is open to the run that asked for it.
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import t from 'tap';
import { parentOf } from '../zygote/helper.js';
import { isAlive, isLauncher, until } from '../run/helper.js';
import { TELL, handler, hosts, project, resolver, sandbox, serveHttp } from './helper.js';
import { needs } from '../needs.js';

const ref = { file: 'handler.mjs', export: 'handle' };

/**
 * @param {any} t
 * @param {string[]} allow
 * @param {string | Record<string, string>} files
 * @param {any} [execution]
 */
function setUp(t, allow, files, execution) {
  const runner = sandbox(t, { startup: 'fork', ...hosts(allow), execution });
  const dir = project(t, files);
  /** @param {unknown} input @param {object} [ctx] */
  const run = (input, ctx) => runner.run(ref, input, { requestId: 'r', workdir: dir, ...ctx });
  return { runner, dir, run };
}

/** The brokers below this process: children of a launcher's that are launchers, and have no children. */
function brokers() {
  /** @type {Map<number, number>} */
  const parents = new Map();
  for (const name of fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)))
    try {
      parents.set(Number(name), parentOf(name));
    } catch {} // It ended in between.
  const childless = (/** @type {number} */ pid) => ![...parents.values()].includes(pid);
  return [...parents].flatMap(([pid, parent]) => {
    if (!isLauncher(pid) || !isLauncher(parent) || !isAlive(pid) || !childless(pid)) return [];
    for (let at = parent; at > 1; at = parents.get(at) ?? 0) if (at === process.pid) return [pid];
    return [];
  });
}

const FETCH = `${TELL}
const get = (url) => tell(async () => (await fetch(url, { headers: { connection: 'close' } })).text());
`;

/** Connects to an address of no server, which is refused at once unless its name was looked up. */
const byName = `import dns from 'node:dns/promises';\nimport net from 'node:net';\n${handler(`
  if (input.name) await dns.lookup(input.name);
  await new Promise((resolve) => setTimeout(resolve, input.wait));
  return new Promise((resolve) => {
    net.connect(9, '192.0.2.1').on('error', ({ code }) => resolve(code)).on('connect', resolve);
    if (input.name) setTimeout(resolve, 50, 'under way');
  });
`)}`;

for (const [what, execution] of /** @type {[string, any][]} */ ([
  ['forked on demand', { spares: 0 }],
  ['forked ahead', { spares: 4 }],
  ['preloaded', { preload: ['./handler.mjs'] }],
]))
  t.test(`${what}: what a name has opened is open to its run alone`, async (t) => {
    if (execution.preload && !needs(t, 'namespaces')) return;
    resolver(t, () => '192.0.2.1');
    const { run } = setUp(t, ['a.test'], byName, { ...execution, concurrency: 8 });
    const inputs = Array.from({ length: 40 }, (_, i) =>
      i % 2 ? { name: 'a.test', wait: 20 } : { wait: 10 + i },
    );
    const results = await Promise.all(inputs.map((input) => run(input)));
    for (const [i, { data, error, metrics }] of results.entries()) {
      t.equal(data === 'EACCES', i % 2 === 0, `run ${i}`, { data, error });
      t.equal(metrics.startup, 'fork');
      t.match(metrics.network, [{ address: '192.0.2.1', port: 9, allowed: i % 2 === 1, count: 1 }]);
    }
  });

/** Asks for a name as a resolver of another runtime does. */
const byDatagram = `import dgram from 'node:dgram';\n${handler(`
  const labels = input.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  const question = Buffer.from([1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4').on('error', ({ code }) => resolve(code));
    socket.on('message', (data) => resolve([...data.subarray(-4)].join('.')));
    socket.send(question, 53, '127.0.0.1');
  });
`)}`;

for (const [what, execution] of /** @type {[string, any][]} */ ([
  ['forked on demand', { spares: 0 }],
  ['forked ahead', { spares: 4 }],
  ['preloaded', { preload: ['./handler.mjs'] }],
]))
  t.test(`${what}: names over UDP, each run by a network of its own`, async (t) => {
    if (!needs(t, 'namespaces')) return;
    resolver(t, (name) => `192.0.2.${name.split('.')[0]}`);
    const { run } = setUp(t, ['*.test'], byDatagram, { ...execution, concurrency: 4 });
    const numbers = Array.from({ length: 20 }, (_, i) => i + 1);
    const results = await Promise.all(numbers.map((i) => run(`${i}.test`)));
    for (const [i, { data, error, metrics }] of results.entries()) {
      t.equal(data, `192.0.2.${i + 1}`, `run ${i}`, { error });
      t.equal(metrics.startup, 'fork');
    }
  });

t.test('a guest that connects to nothing has no broker, and reports nothing', async (t) => {
  const { run } = setUp(t, ['a.test'], handler(`console.log('here'); await input; return 1;`));
  const { data, metrics } = await run(0, { onLog: () => t.same(brokers(), []) });
  t.equal(data, 1);
  t.same(metrics.network, []);
});

t.test('no way to the launcher is left open to the guest', async (t) => {
  const code = `import fs from 'node:fs';\n${handler(`
    const all = fs.readdirSync('/proc/self/fd').map((fd) => {
      try { return fs.readlinkSync('/proc/self/fd/' + fd); } catch { return ''; }
    });
    return all.filter((name) => /socket|seccomp/.test(name)).length;`)}`;
  for (const allow of [[], ['a.test']]) {
    const { run } = setUp(t, allow, code);
    const { data, error } = await run(0);
    t.equal(data, 1, `${allow}: the data socket`, { error });
  }
});

t.test('a guest that ends in the middle costs nothing', async (t) => {
  const full = net.createServer();
  full.listen({ port: 0, host: '127.0.0.1', backlog: 1 });
  await once(full, 'listening');
  t.teardown(() => full.close());
  // Of a guest that is gone while its handshake waits in the backlog the server may never hear.
  full.on('connection', (socket) => socket.unref());
  const { port } = /** @type {import('node:net').AddressInfo} */ (full.address());
  const { port: open } = await serveHttp(t);
  const code = `import net from 'node:net';\n${FETCH}${handler(`
    if (input.open) return get(\`http://127.0.0.1:\${input.open}/\`);
    setInterval(() => { for (let i = 0; i < 50; i++) net.connect(input.port, '127.0.0.1').on('error', () => {}); });
    if (input.exit) setTimeout(() => process.kill(process.pid, 'SIGKILL'), input.exit);
    await new Promise(() => {});
  `)}`;
  const allow = [`127.0.0.1:${port}`, `127.0.0.1:${open}`];
  const { run } = setUp(t, allow, code, { timeoutMs: 2000, graceMs: 0, concurrency: 4 });
  const ends = await Promise.all([
    ...Array.from({ length: 8 }, (_, i) => run({ port, exit: 1 + i * 7 })),
    run({ port }),
  ]);
  t.same(new Set(ends.map(({ error }) => error?.code)), new Set(['PROCESS_CRASHED', 'TIMEOUT']));
  for (const { metrics } of ends) t.ok(Array.isArray(metrics.network), 'its report came');
  t.equal((await run({ open })).data, `127.0.0.1:${open} /`, 'the next one connects');
  await until(() => brokers().length === 0, 'the end of all brokers');
});

t.test('a broker that is killed takes its guest along, and nothing else', async (t) => {
  const { port } = await serveHttp(t);
  // In the middle of it all: what it was about to hand over must not be taken for something else.
  const code = `${FETCH}${handler(`
    let it;
    for (let said = 0; said !== input.times; said++) {
      it = await get(input.url);
      if (said === input.tell) console.log('now');
    }
    return it.code ?? it;
  `)}`;
  const { run } = setUp(t, [`127.0.0.1:${port}`], code);
  const url = `http://127.0.0.1:${port}/`;
  for (let tell = 0; tell < 12; tell++) {
    let killed = 0;
    const kill = () => {
      for (const pid of brokers()) killed += Number(process.kill(pid, 'SIGKILL'));
    };
    const { error, logs } = await run({ url, tell, times: 1e6 }, { onLog: kill });
    t.match(error, { code: 'PROCESS_CRASHED', message: /supervised/ });
    t.same([killed, logs[0]], [1, 'now']);
  }
  const { data: next } = await run({ url, times: 2 });
  t.equal(next, `127.0.0.1:${port} /`, 'the next run has another one');
});

t.test("unix sockets of the view, by paths that are the guest's", async (t) => {
  if (!needs(t, 'namespaces')) return;
  const dir = project(t, { 'a/x': '', 'b/x': '' });
  fs.chmodSync(dir, 0o755);
  for (const name of ['a', 'b']) {
    const server = net.createServer((socket) => socket.end(`hello from ${name}`));
    server.listen(path.join(dir, name, 'socket'));
    await once(server, 'listening');
    fs.chmodSync(path.join(dir, name, 'socket'), 0o777);
    t.teardown(() => server.close());
  }
  const code = `import net from 'node:net';\n${TELL}${handler(`
    const get = (path) => tell(() => new Promise((resolve, reject) => {
      let text = '';
      net.connect({ path }).on('data', (d) => (text += d)).on('end', () => resolve(text)).on('error', reject);
    }));
    const said = [];
    for (const path of input) {
      const it = await get(path);
      said.push(it.code ?? it);
    }
    return said;
  `)}`;
  const runner = sandbox(t, {
    startup: 'fork',
    permissions: {
      network: { allow: ['192.0.2.1'] },
      capabilities: ['net:unix'],
      filesystem: { allow: [path.join(dir, 'a')] },
    },
  });
  const workdir = project(t, code);
  const paths = ['a/socket', 'b/socket', 'a/../b/socket'].map((name) => `${dir}/${name}`);
  const results = await Promise.all(
    [paths, paths, paths].map((input) => runner.run(ref, input, { requestId: 'r', workdir })),
  );
  for (const { data, error } of results)
    t.match(data, ['hello from a', /ENOENT|EACCES/, /ENOENT|EACCES/], { error });
});
