// What a case finds around it: a package to run from, files that it may and may not use, a process
// and servers that belong to the host. And what of it has changed afterwards.
import child_process from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const native = path.join(here, '..', '..', 'build', 'escape');
export const raw = createRequire(import.meta.url)(path.join(native, 'raw.node'));

/**
 * Where worlds are made: not /tmp, which a guest may have one of its own of, so that it is the
 * guards of files that keep it out.
 */
function base() {
  for (const dir of ['/var/tmp', os.tmpdir()]) {
    try {
      fs.accessSync(dir, fs.constants.W_OK);
      return fs.mkdtempSync(path.join(dir, 'sbx-escape-'));
    } catch {}
  }
  throw new Error('there is no directory to make files in');
}

/**
 * The servers of the host. To whoever says the name of a case they answer with its secret.
 *
 * @param {string} dir
 * @param {Map<string, string>} secrets
 */
async function serve(dir, secrets) {
  const answer = (/** @type {Buffer} */ data) => secrets.get(data.toString()) ?? 'who?';
  /** @type {{ close(): void }[]} */
  const open = [];
  const listen = async (/** @type {any} */ where) => {
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (data) => socket.end(answer(data)));
    });
    server.listen(where);
    await once(server, 'listening');
    open.push(server);
    return server;
  };
  const receive = async (/** @type {'udp4' | 'udp6'} */ type, /** @type {string} */ host) => {
    const socket = dgram.createSocket(type);
    socket.on('message', (data, from) => socket.send(answer(data), from.port, from.address));
    socket.bind(0, host);
    await once(socket, 'listening');
    open.push(socket);
    return socket.address().port;
  };
  const port = (/** @type {any} */ server) => server.address().port;
  const unix = path.join(dir, 'host.sock');
  const abstract = `@sbx-escape-${randomBytes(6).toString('hex')}`;
  await listen({ path: unix });
  fs.chmodSync(unix, 0o777);
  // Node.js 20 pads such a name with NULs, which are part of it.
  await listen({ fd: bindAbstract(abstract) });
  return {
    input: {
      tcp4: port(await listen({ host: '127.0.0.1', port: 0 })),
      tcp6: port(await listen({ host: '::1', port: 0 })),
      udp4: await receive('udp4', '127.0.0.1'),
      udp6: await receive('udp6', '::1'),
      unix,
      abstract,
    },
    listen,
    close: () => open.forEach((server) => server.close()),
  };
}

/** @param {string} name that begins with '@' @returns {number} a descriptor to listen on */
function bindAbstract(name) {
  const [AF_UNIX, STREAM_CLOEXEC] = [1, 1 | 0o2000000];
  const address = Buffer.from(`\x01\0\0${name.slice(1)}`, 'latin1');
  const fd = raw.syscall(raw.SYS.socket, AF_UNIX, STREAM_CLOEXEC, 0);
  const rc = raw.syscall(raw.SYS.bind, fd, address, address.length);
  if (fd < 0 || rc < 0) throw new Error(`no abstract socket: ${fd}, ${rc}`);
  return fd;
}

/** One for all cases of this process. @param {'guest' | 'control'} role */
export async function createHost(role) {
  process.umask(0o022);
  const dir = base();
  fs.chmodSync(dir, 0o755);
  /** @type {Map<string, string>} */
  const secrets = new Map();
  const servers = await serve(dir, secrets);
  return {
    role,
    dir,
    secrets,
    fs,
    findProcess,
    servers,
    close() {
      servers.close();
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** @param {string} file @param {string | Buffer} data @param {number} mode of all users */
function write(file, data, mode) {
  fs.writeFileSync(file, data);
  fs.chmodSync(file, mode);
}

/** @param {string} dir */
function makeDir(dir) {
  fs.mkdirSync(dir, { recursive: true });
  // Ordinary permissions must not be what keeps a guest of another user out.
  fs.chmodSync(dir, 0o777);
  return dir;
}

/**
 * @typedef {Awaited<ReturnType<typeof createHost>>} Host
 * @typedef {Awaited<ReturnType<typeof createWorld>>} World
 */

/** @param {Host} host @param {string} name @param {any} escape the case */
export async function createWorld(host, name, escape) {
  const dir = path.join(host.dir, name);
  const secret = `secret-${randomBytes(12).toString('hex')}`;
  const hello = `${host.role}:${name}`;
  host.secrets.set(hello, secret);
  const at = (/** @type {string[]} */ ...parts) => path.join(dir, ...parts);
  makeFiles(dir, secret, escape, name);
  /** @type {(() => unknown)[]} */
  const endings = [];
  const world = {
    host,
    dir,
    secret,
    at,
    raw,
    /** What the case is told. @type {Record<string, any>} */
    input: {
      part: 'act',
      spawns: escape.config?.permissions?.capabilities?.includes('process:spawn') ?? false,
      hello,
      dir,
      package: at('package'),
      out: at('out'),
      outside: at('outside'),
      target: at('outside', 'secret.txt'),
      other: at('other'),
      allowed: at('allowed'),
      hostPid: process.pid,
      ...host.servers.input,
    },
    /** What `setup` gave, with what is not for the guest. @type {any} */
    extra: {},
    native: (/** @type {string} */ file) => path.join(native, file),
    /** @param {() => unknown} end */
    defer: (end) => void endings.push(end),
    async close() {
      for (const end of endings.reverse()) await end();
      host.secrets.delete(hello);
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
  const victim = escape.victim ? await startVictim(secret) : undefined;
  if (victim) {
    world.defer(victim.end);
    world.input.victim = victim.first;
  }
  const extra = (await escape.setup?.(world)) ?? {};
  Object.assign(world.input, extra);
  world.extra = extra;
  const watched = ['outside', 'package', 'other', ...(escape.watch ?? [])];
  const before = snapshot(dir, watched);
  return {
    ...world,
    /** What has changed that must not. */
    async damage() {
      const after = snapshot(dir, watched);
      const names = new Set([...before.keys(), ...after.keys()]);
      const files = [...names].filter((file) => before.get(file) !== after.get(file));
      return [...files, ...((await victim?.damage()) ?? [])];
    },
  };
}

/** @param {string} dir @param {string} secret @param {any} escape @param {string} name */
function makeFiles(dir, secret, escape, name) {
  const at = (/** @type {string[]} */ ...parts) => path.join(dir, ...parts);
  fs.mkdirSync(at('package', 'node_modules', 'dependency'), { recursive: true });
  for (const file of ['package.json', 'handler.js', 'kit.js', 'control.js'])
    fs.copyFileSync(path.join(here, 'package', file), at('package', file));
  fs.copyFileSync(path.join(here, 'cases', `${name}.js`), at('package', 'case.js'));
  fs.copyFileSync(path.join(native, 'raw.node'), at('package', 'raw.node'));
  if (escape.probe) fs.copyFileSync(path.join(native, 'probe'), at('package', 'probe'));
  write(at('package', 'node_modules', 'dependency', 'package.json'), '{"main":"index.js"}', 0o644);
  write(at('package', 'node_modules', 'dependency', 'index.js'), 'module.exports = 1;\n', 0o666);
  write(at('package', 'data.txt'), 'data\n', 0o666);
  // Only who made them may write, as it would be: a guest that is let in is one of them.
  fs.mkdirSync(at('out'));
  fs.mkdirSync(at('out2'));
  makeDir(at('outside', 'dir'));
  makeDir(at('outside'));
  write(at('outside', 'secret.txt'), secret, 0o666);
  write(at('outside', 'module.cjs'), `module.exports = ${JSON.stringify(secret)};\n`, 0o644);
  write(at('outside', 'data.json'), JSON.stringify({ secret }), 0o644);
  makeDir(at('other'));
  write(at('other', 'package.json'), '{"name":"other"}', 0o644);
  write(at('other', '.env'), `TOKEN=${secret}\n`, 0o644);
  makeDir(at('allowed', 'denied', 'deep'));
  makeDir(at('allowed', 'denied'));
  makeDir(at('allowed'));
  write(at('allowed', 'file.txt'), 'allowed\n', 0o666);
  write(at('allowed', 'denied.txt'), secret, 0o666);
  write(at('allowed', 'denied', 'secret.txt'), secret, 0o666);
  write(at('allowed', 'denied', 'deep', 'secret.txt'), secret, 0o666);
}

/** @param {string} secret */
async function startVictim(secret) {
  const child = child_process.spawn(path.join(native, 'probe'), ['victim', secret], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { SBX_ESCAPE_VICTIM: secret },
  });
  const ended = once(child, 'exit');
  // That it was killed shows in its answer, which never comes.
  child.stdin.on('error', () => {});
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = await lines.next();
    return value && JSON.parse(value);
  };
  const first = await next();
  if (!first) throw new Error(`the victim did not start: ${(await ended).join(' ')}`);
  const told = { ...first };
  delete told.memory;
  return {
    first: told,
    async damage() {
      child.stdin.write('?');
      const now = await Promise.race([next(), ended.then(() => undefined)]);
      if (!now) return [`the victim ended: ${(await ended).join(' ')}`];
      return Object.keys(first)
        .filter((key) => first[key] !== now[key])
        .map((key) => `the victim's ${key}: ${first[key]} -> ${now[key]}`);
    },
    async end() {
      child.stdin.end();
      await ended;
      removeObjects(first);
    },
  };
}

/**
 * What a victim leaves behind when it is killed, as some controls do.
 *
 * @param {{ shm: number, msg: number, sem: number, mq: string }} objects
 */
function removeObjects({ shm, msg, sem, mq }) {
  const IPC_RMID = 0;
  raw.syscall(raw.SYS.shmctl, shm, IPC_RMID, 0);
  raw.syscall(raw.SYS.msgctl, msg, IPC_RMID, 0);
  raw.syscall(raw.SYS.semctl, sem, 0, IPC_RMID);
  raw.syscall(raw.SYS.mq_unlink, mq);
}

/**
 * Everything about the files but when they were last read.
 *
 * @param {string} dir
 * @param {string[]} parts
 * @returns {Map<string, string>}
 */
function snapshot(dir, parts) {
  /** @type {Map<string, string>} */
  const all = new Map();
  const look = (/** @type {string} */ file) => {
    const s = fs.lstatSync(file, { bigint: true });
    // A change of owner, mode, links or extended attributes changes ctime, and so does a write.
    const stat = [s.ino, s.mode, s.uid, s.gid, s.nlink, s.size, s.mtimeNs, s.ctimeNs];
    const hash = s.isFile() && s.size < 65536n ? sha(fs.readFileSync(file)) : '';
    all.set(path.relative(dir, file), `${stat.join(' ')} ${hash}`);
    if (s.isDirectory()) for (const name of fs.readdirSync(file)) look(path.join(file, name));
  };
  for (const part of parts) look(path.join(dir, part));
  return all;
}

/**
 * The processes whose command line holds a text.
 *
 * @param {string} text
 * @returns {number[]}
 */
export function findProcess(text) {
  return fs
    .readdirSync('/proc')
    .filter((name) => {
      try {
        return (
          /^\d+$/.test(name) && fs.readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text)
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** @param {Buffer} bytes */
function sha(bytes) {
  return createHash('sha1').update(bytes).digest('base64');
}
