// What cases are written with. Copied into the package of each case, so it imports nothing but
// Node.js and the addon beside it.
import child_process from 'node:child_process';
import dgram from 'node:dgram';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

/**
 * @typedef {object} Attempt
 * @property {string} what
 * @property {boolean} ok
 * @property {string} [value] what it brought
 * @property {string} [code] of the error: an errno, or the name of the error's class
 * @property {string} [message]
 */

const require = createRequire(import.meta.url);
/** What os.constants does not know. */
const MORE_ERRNOS = { ENOTBLK: 15, ESOCKTNOSUPPORT: 94, ENOKEY: 126 };
const errnoNames = new Map(
  Object.entries({ ...os.constants.errno, ...MORE_ERRNOS })
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'ENOTSUP')
    .map(([name, nr]) => [nr, name]),
);

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const O_PATH = 0o10000000;
const CLONE = {
  NEWTIME: 0x80,
  VM: 0x100,
  VFORK: 0x4000,
  NEWNS: 0x20000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
};
const SIGCHLD = 17;
const AF = {
  UNIX: 1,
  INET: 2,
  IPX: 4,
  X25: 9,
  INET6: 10,
  KEY: 15,
  NETLINK: 16,
  PACKET: 17,
  RDS: 21,
  CAN: 29,
  TIPC: 30,
  BLUETOOTH: 31,
  ALG: 38,
  VSOCK: 40,
  KCM: 41,
  QIPCRTR: 42,
  SMC: 43,
  XDP: 44,
};
const SOCK = { STREAM: 1, DGRAM: 2, RAW: 3, SEQPACKET: 5 };

/** @param {...(number | bigint)} numbers */
const u64 = (...numbers) => Buffer.from(new BigUint64Array(numbers.map(word)).buffer);
/** @param {...number} numbers */
const u32 = (...numbers) => Buffer.from(new Uint32Array(numbers).buffer);
/** @param {string} text */
const cstring = (text) => Buffer.from(`${text}\0`);
/** @param {number | bigint} n */
const word = (n) => BigInt.asUintN(64, BigInt(n));

/** @param {string} name of a path, or an abstract name after '@' */
function unixAddress(name) {
  const text = name.startsWith('@') ? `\0${name.slice(1)}` : name;
  return Buffer.concat([Buffer.from(new Uint16Array([AF.UNIX]).buffer), Buffer.from(text)]);
}

/** 127.0.0.1 @param {number} port */
function inetAddress(port) {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF.INET, 0);
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  return address;
}

/** @param {string} code @param {string} what */
function coded(code, what) {
  return Object.assign(new Error(`${what}: ${code}`), { code });
}

/** @param {any} error */
function codeOf(error) {
  return String(error?.code ?? error?.cause?.code ?? error?.name ?? typeof error);
}

/** @param {unknown} value */
function show(value) {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1').slice(0, 4096);
  return (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).slice(0, 65536);
}

/** @param {any} input see ../world.js */
export function createTools(input) {
  /** @type {Attempt[]} */
  const attempts = [];
  /** @type {any} */
  let loaded;
  const raw = () => (loaded ??= require('./raw.node'));

  /**
   * One act, which must not succeed in a guest.
   *
   * @param {string} what
   * @param {() => any} act what it gives is evidence
   */
  async function attempt(what, act) {
    try {
      const value = await act();
      attempts.push({ what, ok: true, value: show(value) });
    } catch (error) {
      attempts.push({ what, ok: false, code: codeOf(error), message: String(error) });
    }
  }

  /** A system call that throws. @param {string} name @param {...any} args @returns {number} */
  function sys(name, ...args) {
    const nr = raw().SYS[name];
    if (nr === undefined) throw coded('ERR_NO_SUCH_CALL', name);
    return result(name, raw().syscall(nr, ...args));
  }

  /** @param {string} name @param {any} rc @returns {any} */
  function result(name, rc) {
    if (typeof rc !== 'number' || rc >= 0) return rc;
    throw coded(errnoNames.get(-rc) ?? `errno ${-rc}`, name);
  }

  /**
   * A system call that returns twice; the child ends at once.
   *
   * @param {string} name
   * @param {...any} args
   * @returns {string} once the child has ended
   */
  function child(name, ...args) {
    const pid = result(name, raw().child(raw().SYS[name], ...args));
    const status = Buffer.alloc(4);
    const __WALL = 0x40000000;
    sys('wait4', pid, status, __WALL, null);
    if (status.readInt32LE(0) !== 42 << 8)
      throw coded('ERR_CHILD', `status ${status.readInt32LE(0)}`);
    return `child ${pid} ended`;
  }

  /** Reads a descriptor. @param {number} fd */
  function readFd(fd) {
    const bytes = Buffer.alloc(4096);
    return bytes.subarray(0, sys('read', fd, bytes, bytes.length)).toString('latin1');
  }

  /** An iovec. @param {...Buffer} buffers */
  const iovec = (...buffers) => u64(...buffers.flatMap((b) => [raw().address(b), b.length]));

  /** What an argument vector or environment points to, so that it is not collected. @type {any[]} */
  const kept = [];

  /** A vector of strings, as execve(2) takes it. @param {...string} texts */
  function vector(...texts) {
    const strings = texts.map(cstring);
    kept.push(strings);
    return u64(...strings.map((s) => raw().address(s)), 0);
  }

  /**
   * The static program, as a child.
   *
   * @param {...string | number} args
   * @returns {string} what it says after "ok"
   */
  function probe(...args) {
    return run(path.join(input.package, 'probe'), ...args);
  }

  /** Any program that answers like probe. @param {string} file @param {...(string | number)} args */
  function run(file, ...args) {
    const { error, signal, status, stdout, stderr } = child_process.spawnSync(
      file,
      args.map(String),
      { encoding: 'utf8' },
    );
    if (error) throw error;
    if (signal) throw coded(signal, file);
    if (stdout.startsWith('ok ')) return stdout.slice(3).trim();
    throw coded(stdout.trim() || 'ERR_PROGRAM', `${status} ${stderr}`);
  }

  /**
   * Says who it is to one of the host's servers, which answers with the secret.
   *
   * @param {import('node:net').NetConnectOpts} to
   * @returns {Promise<string>}
   */
  function connect(to) {
    return new Promise((resolve, reject) => {
      const socket = net.connect(to, () => socket.write(input.hello));
      socket.setTimeout(5000, () => reject(coded('ERR_NO_ANSWER', 'connect')));
      socket.once('error', reject);
      socket.once('data', (data) => {
        socket.destroy();
        resolve(data.toString());
      });
    });
  }

  /** The same over UDP. @param {number} port @param {string} host @param {'udp4' | 'udp6'} type */
  function datagram(port, host, type = 'udp4') {
    return new Promise((resolve, reject) => {
      const socket = dgram.createSocket(type);
      setTimeout(() => reject(coded('ERR_NO_ANSWER', 'datagram')), 5000).unref();
      socket.once('error', reject);
      socket.once('message', (data) => {
        socket.close();
        resolve(data.toString());
      });
      socket.send(input.hello, port, host, (error) => error && reject(error));
    });
  }

  return {
    attempts,
    tools: {
      input,
      attempt,
      sys,
      child,
      readFd,
      iovec,
      probe,
      run,
      connect,
      datagram,
      result,
      coded,
      raw,
      fs,
      path,
      child_process,
      require,
      vector,
      AF,
      AT_EMPTY_PATH,
      AT_FDCWD,
      CLONE,
      O_PATH,
      SIGCHLD,
      SOCK,
      cstring,
      inetAddress,
      u32,
      u64,
      unixAddress,
    },
  };
}
