// The servers of world.js, in a network namespace that has nothing but the far end of its interface.
//   servers.js DIRECTORY
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import dns2 from 'dns2';
import { SMTPServer } from 'smtp-server';
import { WebSocketServer } from 'ws';
import { ADDRESSES, PASSWORD, PORTS, ZONE } from './zone.js';

const dir = process.argv[2];
const tls = (/** @type {string} */ name) =>
  fs.readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), 'utf8');
const secrets = { key: tls('server.key'), cert: tls('server.pem') };
/** @type {import('node:child_process').ChildProcess[]} */
const programs = [];

/** @param {string} command @param {string[]} args */
function does(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    ...options,
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error ?? stderr + stdout}`);
}

/** @param {string} command @param {string[]} args */
function starts(command, args, options = {}) {
  const log = fs.openSync(path.join(dir, `${path.basename(command)}.log`), 'w');
  programs.push(spawn(command, args, { stdio: ['ignore', log, log], ...options }));
}

/** Waits until somebody listens. @param {number} port @param {string} address */
async function listening(port, address) {
  for (let i = 0; i < 300; i++) {
    const socket = net.connect(port, address);
    const connected = await new Promise((resolve) => {
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    });
    socket.destroy();
    if (connected) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nobody listens on ${address}:${port}`);
}

// --- names ---------------------------------------------------------------------------------------

/** How often each name was asked for. @type {Map<string, number>} */
const asked = new Map();

async function serveNames() {
  const { Packet } = dns2;
  const server = dns2.createServer({
    udp: true,
    tcp: true,
    handle: (/** @type {any} */ request, /** @type {(response: any) => void} */ send) => {
      const response = Packet.createResponseFromRequest(request);
      const [{ name, type }] = request.questions;
      const key = `${name.toLowerCase()} ${type}`;
      const before = asked.get(key) ?? 0;
      asked.set(key, before + 1);
      const found = ZONE[name.toLowerCase()];
      response.header.aa = 1;
      if (found === undefined) response.header.rcode = 3;
      const addresses = typeof found === 'function' ? found(before) : (found ?? []);
      for (const address of addresses)
        if (type === (net.isIPv6(address) ? Packet.TYPE.AAAA : Packet.TYPE.A))
          response.answers.push({ name, type, class: Packet.CLASS.IN, ttl: 0, address });
      send(response);
    },
  });
  const at = { port: 53, address: ADDRESSES.dns };
  await server.listen({ udp: at, tcp: at });
}

// --- the web -------------------------------------------------------------------------------------

let connections = 0;

/** @param {http.IncomingMessage} request @param {http.ServerResponse} response */
function answer(request, response) {
  const { host } = request.headers;
  const { localAddress } = request.socket;
  const chunks = /** @type {Buffer[]} */ ([]);
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ host, at: localAddress, url: request.url, body, connections }));
  });
}

async function serveWeb() {
  const plain = http.createServer(answer).on('connection', () => connections++);
  const secure = https.createServer(secrets, answer);
  for (const server of [plain, secure]) {
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) =>
      socket.on('message', (data) => socket.send(`you said ${data}`)),
    );
  }
  plain.listen(PORTS.http, '::');
  secure.listen(PORTS.https, '::');
  await Promise.all([once(plain, 'listening'), once(secure, 'listening')]);
}

// --- mail ----------------------------------------------------------------------------------------

async function serveMail() {
  const server = new SMTPServer({
    ...secrets,
    authOptional: true,
    logger: false,
    disableReverseLookup: true,
    onData(stream, session, done) {
      const chunks = /** @type {Buffer[]} */ ([]);
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on('end', () => {
        const subject = /^Subject: (.*)$/m.exec(Buffer.concat(chunks).toString())?.[1].trim();
        const to = session.envelope.rcptTo.map(({ address }) => address);
        done(null, `subject ${subject}, to ${to}, secure ${session.secure}`);
      });
    },
  });
  await new Promise((resolve) => server.listen(PORTS.smtp, '::', () => resolve(undefined)));
}

// --- databases -----------------------------------------------------------------------------------

async function servePostgres() {
  const versions = fs.readdirSync('/usr/lib/postgresql').sort((a, b) => Number(a) - Number(b));
  const bin = path.join('/usr/lib/postgresql', String(versions.at(-1)), 'bin');
  const data = path.join(dir, 'postgres');
  // It refuses to be root.
  const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  fs.mkdirSync(data, { mode: 0o700 });
  const files = { password: PASSWORD, 'server.key': secrets.key, 'server.pem': secrets.cert };
  for (const [name, text] of Object.entries(files)) {
    fs.writeFileSync(path.join(dir, name), text, { mode: 0o600 });
    if (user.uid) fs.chownSync(path.join(dir, name), user.uid, user.gid);
  }
  if (user.uid) fs.chownSync(data, user.uid, user.gid);
  const options = { ...user, cwd: data, env: { PATH: process.env.PATH, LC_ALL: 'C' } };
  const password = path.join(dir, 'password');
  const auth = ['-A', 'scram-sha-256', '-U', 'tester', `--pwfile=${password}`, '--no-sync'];
  does(path.join(bin, 'initdb'), ['-D', data, '-E', 'UTF8', ...auth], options);
  fs.appendFileSync(path.join(data, 'pg_hba.conf'), 'host all all all scram-sha-256\n');
  const settings = {
    listen_addresses: '*',
    port: String(PORTS.postgres),
    unix_socket_directories: '',
    fsync: 'off',
    ssl: 'on',
    ssl_cert_file: path.join(dir, 'server.pem'),
    ssl_key_file: path.join(dir, 'server.key'),
  };
  const set = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  starts(path.join(bin, 'postgres'), ['-D', data, ...set], options);
  await listening(PORTS.postgres, ADDRESSES.open);
}

async function serveRedis() {
  const args = ['--port', PORTS.redis, '--bind', '0.0.0.0', '--requirepass', PASSWORD];
  starts('redis-server', [...args, '--save', '', '--dir', dir].map(String));
  await listening(PORTS.redis, ADDRESSES.open);
}

// -------------------------------------------------------------------------------------------------

console.log('in its namespace');
await once(process.stdin, 'data');
does('ip', ['link', 'set', 'lo', 'up']);
for (const address of Object.values(ADDRESSES)) {
  const args = net.isIPv6(address) ? [`${address}/64`, 'nodad'] : [`${address}/24`];
  does('ip', ['addr', 'add', args[0], 'dev', 'far', ...args.slice(1)]);
}
does('ip', ['link', 'set', 'far', 'up']);
await Promise.all([serveNames(), serveWeb(), serveMail(), servePostgres(), serveRedis()]);
console.log('ready');
process.stdin.on('end', async () => {
  for (const program of programs) program.kill('SIGKILL');
  await Promise.all(programs.map((program) => once(program, 'exit')));
  process.exit();
});
