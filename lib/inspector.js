// SPDX-License-Identifier: MIT
// The host's side of a debugger: a port on loopback that speaks what the inspector of Node.js speaks,
// and a socket to the guest (lib/guest/inspect-worker.cjs), which has no network. What comes from
// there is hostile: it is parsed with bounds, and passed on to a debugger, who looks at a guest.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { wallTime } from './trace.js';

const MAX_DEBUGGERS = 4;
/** Profiles and values of a debugged program come as one message. */
const MAX_MESSAGE = 64 * 2 ** 20;
const MAX_WAITING = 2 * MAX_MESSAGE;
const HEADER = 4;
const LOOPBACK = '127.0.0.1';

/**
 * @typedef {object} Told
 * @property {() => void} onAttach the first debugger is there
 * @property {() => void} onDetach the last one has gone
 */

export class Inspector {
  /** The guest's end, a descriptor: the launcher gets a copy of it. */
  guestFd;
  #path = randomUUID();
  #port = 0;
  #title;
  #told;
  /** @type {net.Socket} */
  #guest;
  /** @type {http.Server} */
  #server;
  /** @type {any} of the package 'ws', which only a debugged run needs */
  #sockets;
  /** @type {Map<number, any>} */
  #debuggers = new Map();
  #sessions = 0;
  #closed = false;
  /** Of what the guest sent: less than one message. @type {Buffer[]} */
  #parts = [];
  #length = 0;

  /**
   * @param {any} addon
   * @param {string} title what debuggers call it
   * @param {Told} told
   * @returns {Promise<Inspector>} that listens
   */
  static async open(addon, title, told) {
    const { WebSocketServer } = await import('ws');
    const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE });
    const inspector = new Inspector(addon.makePair(), title, told, sockets);
    try {
      await inspector.#listen();
    } catch (error) {
      inspector.close();
      throw error;
    }
    return inspector;
  }

  /**
   * @param {[number, number]} pair
   * @param {string} title
   * @param {Told} told
   * @param {any} sockets
   */
  constructor([fd, guestFd], title, told, sockets) {
    this.guestFd = guestFd;
    this.#title = title;
    this.#told = told;
    this.#sockets = sockets;
    this.#guest = new net.Socket({ fd, readable: true, writable: true });
    this.#guest.on('data', (chunk) => this.#onBytes(chunk));
    this.#guest.on('error', () => this.close()).on('close', () => this.close());
    this.#server = http.createServer((request, response) => this.#onRequest(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head));
  }

  get url() {
    return `ws://${LOOPBACK}:${this.#port}/${this.#path}`;
  }

  /** The launcher has its copy. */
  closeGuestFd() {
    if (this.guestFd < 0) return;
    fs.closeSync(this.guestFd);
    this.guestFd = -1;
  }

  /** Nothing listens, and nobody is connected. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.closeGuestFd();
    this.#guest.destroy();
    for (const debug of this.#debuggers.values()) debug.close(1001);
    this.#server.close();
    this.#server.closeAllConnections();
    setImmediate(() => {
      for (const debug of this.#sockets.clients) debug.terminate();
    });
  }

  /** @returns {Promise<void>} */
  #listen() {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, LOOPBACK, () => {
        this.#port = /** @type {net.AddressInfo} */ (this.#server.address()).port;
        resolve();
      });
    });
  }

  /**
   * A page of the web that has made its name lead to this address (DNS rebinding) sends that name; one
   * that connects right away sends its origin.
   *
   * @param {http.IncomingMessage} request
   */
  #isLocal({ headers: { host = '', origin = '' } }) {
    const here = [LOOPBACK, 'localhost'].map((name) => `${name}:${this.#port}`);
    return here.includes(host) && (!/^https?:/i.test(origin) || here.includes(origin.slice(7)));
  }

  /** @type {http.RequestListener} */
  #onRequest(request, response) {
    const pages = this.#pages();
    const body = pages[String(request.url).replace(/\/$/, '')];
    const status = !this.#isLocal(request)
      ? 403
      : request.method !== 'GET'
        ? 405
        : body
          ? 200
          : 404;
    response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' });
    response.end(status === 200 ? JSON.stringify(body) : '');
  }

  /** What is found by `chrome://inspect`, and debuggers of editors. @returns {Record<string, any>} */
  #pages() {
    const at = `${LOOPBACK}:${this.#port}/${this.#path}`;
    const list = [
      {
        description: 'a handler in a sandbox',
        devtoolsFrontendUrl: `devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&ws=${at}`,
        id: this.#path,
        title: this.#title,
        type: 'node',
        url: `file://${this.#title}`,
        webSocketDebuggerUrl: this.url,
      },
    ];
    return {
      '/json': list,
      '/json/list': list,
      '/json/version': { Browser: `node.js/${process.version}`, 'Protocol-Version': '1.1' },
    };
  }

  /**
   * @param {http.IncomingMessage} request
   * @param {import('node:stream').Duplex} socket
   * @param {Buffer} head
   */
  #onUpgrade(request, socket, head) {
    const refuse = (/** @type {string} */ status) => {
      socket.on('error', () => {});
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    if (!this.#isLocal(request)) refuse('403 Forbidden');
    else if (request.url !== `/${this.#path}`) refuse('404 Not Found');
    else if (this.#debuggers.size >= MAX_DEBUGGERS) refuse('503 Service Unavailable');
    else
      this.#sockets.handleUpgrade(request, socket, head, (/** @type {any} */ debug) =>
        this.#attach(debug),
      );
  }

  /** @param {any} debug a WebSocket */
  #attach(debug) {
    const session = ++this.#sessions;
    this.#debuggers.set(session, debug);
    this.#tell({ session, open: true });
    debug.on('message', (/** @type {Buffer} */ bytes) => this.#onCommand(session, debug, bytes));
    debug.on('error', () => debug.terminate());
    debug.on('close', () => {
      this.#debuggers.delete(session);
      this.#tell({ session, close: true });
      if (this.#debuggers.size === 0 && !this.#closed) this.#told.onDetach();
    });
    if (this.#debuggers.size === 1) this.#told.onAttach();
  }

  /** @param {number} session @param {any} debug @param {Buffer} bytes */
  #onCommand(session, debug, bytes) {
    try {
      const { id, method, params } = JSON.parse(bytes.toString());
      if (typeof method !== 'string' || this.#guest.writableLength > MAX_WAITING) throw new Error();
      this.#tell({ session, message: { id, method, params } });
    } catch {
      debug.terminate();
    }
  }

  /** @param {unknown} what */
  #tell(what) {
    if (this.#closed) return;
    const body = Buffer.from(JSON.stringify(what));
    const head = Buffer.alloc(HEADER);
    head.writeUInt32LE(body.length);
    this.#guest.write(Buffer.concat([head, body]));
  }

  /** @param {Buffer} chunk */
  #onBytes(chunk) {
    this.#parts.push(chunk);
    this.#length += chunk.length;
    for (;;) {
      if (this.#length < HEADER) return;
      if (this.#parts[0].length < HEADER) this.#parts = [Buffer.concat(this.#parts)];
      const size = this.#parts[0].readUInt32LE();
      if (size > MAX_MESSAGE) return this.close();
      if (this.#length < HEADER + size) return;
      const all = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
      const rest = all.subarray(HEADER + size);
      this.#parts = rest.length ? [rest] : [];
      this.#length = rest.length;
      this.#onFrame(all.toString('utf8', HEADER, HEADER + size));
    }
  }

  /** @param {string} text */
  #onFrame(text) {
    /** @type {any} */
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return this.close();
    }
    const debug = this.#debuggers.get(frame?.session);
    if (debug === undefined || frame.message === undefined) return;
    if (debug.bufferedAmount > MAX_WAITING) debug.terminate();
    else debug.send(JSON.stringify(frame.message));
  }
}

/**
 * Runs a guest that waits for a debugger. Its deadline counts while none is attached, and from the
 * start when the last one has gone.
 *
 * @template T
 * @param {any} addon
 * @param {import('./request.js').Request} request
 * @param {{ timeoutMs: number, onOver: () => void }} deadline
 * @param {(guestFd: number) => Promise<T>} start starts the guest before it returns
 * @returns {Promise<T>} when it is over, and nothing listens
 */
export async function inspected(addon, request, { timeoutMs, onOver }, start) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const count = () => {
    timer = setTimeout(onOver, timeoutMs);
  };
  const inspector = await Inspector.open(addon, path.resolve(request.root, request.file), {
    onAttach: () => clearTimeout(timer),
    onDetach: count,
  });
  try {
    const outcome = start(inspector.guestFd);
    inspector.closeGuestFd();
    count();
    tellUrl(request, inspector.url);
    return await outcome;
  } finally {
    clearTimeout(timer);
    inspector.close();
  }
}

/**
 * A callback that throws is the caller's mistake, and no reason to lose the run.
 *
 * @param {import('./request.js').Request} request
 * @param {string} url
 */
function tellUrl({ onInspector, onLog }, url) {
  const line = `Debugger listening on ${url}`;
  try {
    if (onInspector) onInspector(url);
    else if (onLog) onLog(line, 'info', { time: wallTime(), level: 'info', message: line });
    else process.emitWarning(line);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
