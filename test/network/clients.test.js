// Clients that know nothing of the sandbox, against servers on loopback.
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import t from 'tap';
import { TELL, handler, hosts, resolver, run, serveHttp } from './helper.js';

const secret = (/** @type {string} */ name) => new URL(`./fixtures/tls/${name}`, import.meta.url);

t.test('fetch, by address and by name', async (t) => {
  const { port } = await serveHttp(t);
  const asked = resolver(t, (name) => (name === 'a.test' ? '127.0.0.1' : undefined));
  const code = handler(`
    const get = async (url) => (await fetch(url)).text();
    return [await get(\`http://127.0.0.1:\${input}/1\`), await get(\`http://A.test:\${input}/2\`)];
  `);
  const config = hosts(['a.test', `127.0.0.1:${port}`]);
  const result = await run(t, code, { config, input: port });
  t.same(result.data, [`127.0.0.1:${port} /1`, `a.test:${port} /2`], { error: result.error });
  t.same(asked, ['a.test'], 'the host resolved the name');
  t.match(result.metrics.network, [
    { name: 'a.test', address: '127.0.0.1', port, allowed: true, count: 2 },
  ]);
});

t.test('what is not allowed is EACCES, with the name in it', async (t) => {
  const { port, connections } = await serveHttp(t);
  const asked = resolver(t, () => '127.0.0.1');
  const code = `${TELL}${handler(`
    return [
      await tell(() => fetch(\`http://127.0.0.1:\${input.other}/\`)),
      await tell(() => fetch(\`http://b.test:\${input.port}/\`)),
    ];
  `)}`;
  const other = await serveHttp(t);
  const config = hosts(['a.test', `127.0.0.1:${port}`]);
  const result = await run(t, code, { config, input: { port, other: other.port } });
  t.match(result.data, [
    { code: 'EACCES', syscall: 'connect', message: `127.0.0.1:${other.port}` },
    { code: 'EACCES', errno: -13, syscall: 'getaddrinfo', hostname: 'b.test', message: /b\.test/ },
  ]);
  t.equal(connections() + other.connections(), 0, 'nothing arrived');
  t.same(asked, [], 'nobody was asked for a name that is not allowed');
  t.same(result.metrics.network, [
    { address: '127.0.0.1', port: other.port, allowed: false, count: 1 },
    { name: 'b.test', allowed: false, count: 1 },
  ]);
});

t.test('a refused connection says by which name', async (t) => {
  resolver(t, (name) => (name === 'both.test' ? ['192.0.2.1', '192.0.2.2'] : '192.0.2.9'));
  const code = `import net from 'node:net';\nimport tls from 'node:tls';\n${TELL}${handler(`
    const connect = (how) => tell(() => new Promise((resolve, reject) => how().on('error', reject)));
    const { message } = await connect(() => net.connect({ port: 81, host: 'a.test' }));
    const both = await new Promise((resolve) =>
      net.connect({ port: 81, host: 'both.test', autoSelectFamily: true }).on('error', resolve));
    return {
      net: message,
      tls: (await connect(() => tls.connect(444, 'a.test'))).message,
      fetch: (await tell(() => fetch('http://a.test:81/'))).message,
      address: (await connect(() => net.connect(81, '127.0.0.1'))).message,
      both: both.message || both.errors[0].message,
      stack: both.errors ? both.errors[0].stack : both.stack,
    };
  `)}`;
  const { data, error } = await run(t, code, { config: hosts(['a.test:80', 'both.test:80']) });
  t.equal(error, undefined);
  const why = 'permissions.network does not let it through';
  t.match(data, {
    net: `connect EACCES 192.0.2.9:81 (a.test): ${why}`,
    tls: `connect EACCES 192.0.2.9:444 (a.test): ${why}`,
    fetch: `connect EACCES 192.0.2.9:81 (a.test): ${why}`,
    address: `connect EACCES 127.0.0.1:81: ${why}`,
    both: `connect EACCES 192.0.2.1:81 (both.test): ${why}`,
    stack: `connect EACCES 192.0.2.1:81 (both.test): ${why}`,
  });
});

t.test('uncaught it is PERMISSION_DENIED, with the key', async (t) => {
  const { port } = await serveHttp(t);
  resolver(t, (name) => (name === 'gone.test' ? undefined : '127.0.0.1'));
  const code = handler('return (await fetch(input)).status;');
  const config = hosts(['a.test', 'gone.test', 'named.test', `127.0.0.1:${port}`], ['no.test']);
  const denied = (/** @type {string} */ key, /** @type {RegExp} */ message) => ({
    ok: false,
    error: { code: 'PERMISSION_DENIED', message, details: { key } },
  });
  const allow = 'permissions.network.allow';
  const cases = [
    ['http://b.test/', denied(allow, /b\.test is not among/)],
    ['http://no.test/', denied('permissions.network.deny', /no\.test is among/)],
    ['http://127.0.0.1:2/', denied(allow, /127\.0\.0\.1:2 is not among/)],
    ['http://named.test:2/', denied(allow, /named\.test \(127\.0\.0\.1:2\) is not among/)],
    ['http://gone.test/', { ok: false, error: { code: 'HANDLER_ERROR' } }],
    [`http://a.test:${port}/`, { ok: true, data: 200 }],
  ];
  for (const [input, expected] of cases)
    t.match(await run(t, code, { config, input }), expected, String(input));
});

t.test('an http agent keeps its connection', async (t) => {
  const { port, connections } = await serveHttp(t);
  resolver(t, () => '127.0.0.1');
  const code = `import http from 'node:http';\n${handler(`
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const get = (path) => new Promise((resolve, reject) => {
      http.get({ agent, host: 'a.test', port: input, path }, (response) => {
        response.setEncoding('utf8').on('data', (text) => response.once('end', () => resolve(text)));
      }).on('error', reject);
    });
    const all = [];
    for (let i = 0; i < 5; i++) all.push(await get('/' + i));
    return all;
  `)}`;
  const config = hosts(['a.test', `127.0.0.1:${port}`]);
  const { data } = await run(t, code, { config, input: port });
  t.same(
    data,
    [0, 1, 2, 3, 4].map((i) => `a.test:${port} /${i}`),
  );
  t.equal(connections(), 1);
});

t.test('tls, with a certificate for the name', async (t) => {
  const [key, cert, ca] = ['server.key', 'server.pem', 'ca.pem'].map((name) =>
    fs.readFileSync(secret(name), 'utf8'),
  );
  const server = https.createServer({ key, cert }, (_, response) => response.end('secure'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  resolver(t, () => '127.0.0.1');
  const code = `import https from 'node:https';\n${TELL}${handler(`
    const get = (host) => tell(() => new Promise((resolve, reject) => {
      https.get({ host, port: input.port, ca: input.ca, agent: false }, (response) =>
        response.setEncoding('utf8').on('data', resolve)).on('error', reject);
    }));
    return [await get('secure.test'), await get('other.test')];
  `)}`;
  const config = hosts(['*.test', `127.0.0.1:${port}`]);
  const { data } = await run(t, code, { config, input: { port, ca } });
  t.match(data, ['secure', { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }]);
});

t.test('a megabyte there and back over net, in parts and both ways at once', async (t) => {
  const server = net.createServer((socket) => void socket.pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  const code = `import net from 'node:net';\nimport { createHash } from 'node:crypto';\n${handler(`
    const sha = (bytes) => createHash('sha256').update(bytes).digest('hex');
    const sent = Buffer.alloc(1 << 20, Uint8Array.from({ length: 251 }, (_, i) => i));
    const socket = net.connect(input, '127.0.0.1');
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 1000);
    const chunks = [];
    socket.end(sent);
    for await (const chunk of socket) chunks.push(chunk);
    return sha(Buffer.concat(chunks)) === sha(sent);
  `)}`;
  const result = await run(t, code, { config: hosts([`127.0.0.1:${port}`]), input: port });
  t.match(result, { ok: true, data: true });
});

t.test('IPv6, and what takes the first address that answers', async (t) => {
  const { port, server } = await serveHttp(t, '::1').catch(() => ({ port: 0, server: undefined }));
  if (!server) {
    if (process.env.SBX_MUST_WORK) t.fail('there is no IPv6 loopback');
    t.skip('there is no IPv6 loopback');
    return;
  }
  resolver(t, () => ['127.0.0.1', '::1']);
  const code = handler(`
    const get = async (url) => (await fetch(url)).text();
    return [await get(\`http://[::1]:\${input}/1\`), await get(\`http://both.test:\${input}/2\`)];
  `);
  const config = hosts(['both.test', '127.0.0.1', `[::1]:${port}`]);
  const { data } = await run(t, code, { config, input: port });
  t.same(data, [`[::1]:${port} /1`, `both.test:${port} /2`]);
});

t.test('workers of the guest, and theirs', async (t) => {
  const { port } = await serveHttp(t);
  resolver(t, (name) => (name === 'a.test' ? '127.0.0.1' : undefined));
  const worker = `
    const { Worker, parentPort, workerData } = require('node:worker_threads');
    const get = async (host) => {
      try {
        return await (await fetch(\`http://\${host}:\${workerData.port}/\`)).text();
      } catch (error) {
        return error.cause.code;
      }
    };
    (async () => {
      const mine = [await get('a.test'), await get('b.test'), await get('127.0.0.1')];
      if (workerData.depth > 0) {
        const data = { ...workerData, depth: workerData.depth - 1 };
        new Worker(workerData.code, { eval: true, workerData: data })
          .on('message', (theirs) => parentPort.postMessage([...mine, ...theirs]));
      } else parentPort.postMessage(mine);
    })();
  `;
  const code = `import { Worker } from 'node:worker_threads';\n${handler(`
    const one = () => new Promise((resolve, reject) => {
      new Worker(input.code, { eval: true, workerData: { ...input, depth: 1 } })
        .on('message', resolve).on('error', reject);
    });
    return Promise.all([one(), one()]);
  `)}`;
  // Since V8 13 each worker has a code range of 512 MiB, see CODE_RANGE_DATA_MB in memory.js.
  const config = { ...hosts(['a.test', `127.0.0.1:${port}`]), execution: { memoryMb: 8192 } };
  const { data, error } = await run(t, code, { config, input: { port, code: worker } });
  t.equal(error, undefined);
  const each = [`a.test:${port} /`, 'EACCES', `127.0.0.1:${port} /`];
  t.same(data, [
    [...each, ...each],
    [...each, ...each],
  ]);
});

t.test('programs of a guest that may start some', async (t) => {
  const { port } = await serveHttp(t);
  const code = `import { spawnSync } from 'node:child_process';\n${handler(`
    const script = (port) => \`
      const socket = require('net').connect(\${port}, '127.0.0.1');
      socket.on('connect', () => { console.log('connected'); socket.destroy(); });
      socket.on('error', (error) => console.log(error.code));\`;
    const run = (port) => {
      const { stdout, stderr } = spawnSync(process.execPath, ['-e', script(port)], { encoding: 'utf8' });
      return stdout.trim() || stderr;
    };
    return [run(input), run(1)];
  `)}`;
  const { permissions } = hosts([`127.0.0.1:${port}`]);
  const config = { permissions: { ...permissions, capabilities: ['process:spawn'] } };
  const { data } = await run(t, code, { config, input: port });
  t.same(data, ['connected', 'EACCES']);
});

t.test("'*' with a denial: all but that", async (t) => {
  const { port } = await serveHttp(t);
  const asked = resolver(t, () => '127.0.0.1');
  const code = `${TELL}${handler(`
    const get = (host) => tell(async () => (await fetch(\`http://\${host}:\${input}/\`)).status);
    return [await get('a.test'), await get('no.test'), await get('deep.no.test')];
  `)}`;
  const config = hosts(['*', '127.0.0.1'], ['no.test', '*.no.test']);
  const { data } = await run(t, code, { config, input: port });
  t.match(data, [200, { code: 'EACCES' }, { code: 'EACCES' }]);
  t.same(asked, ['a.test']);
});

t.test('ports: of addresses and of names', async (t) => {
  const [one, two] = [await serveHttp(t), await serveHttp(t)];
  resolver(t, () => '127.0.0.1');
  const code = `${TELL}${handler(`
    return Promise.all(input.map((port) =>
      tell(async () => (await fetch(\`http://a.test:\${port}/\`)).status)));
  `)}`;
  const config = hosts([`a.test:${one.port}`, `127.0.0.0/8:${one.port}`]);
  const { data } = await run(t, code, { config, input: [one.port, two.port] });
  t.match(data, [200, { code: 'EACCES', syscall: 'connect' }]);
  t.equal(two.connections(), 0);
});
