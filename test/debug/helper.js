// What the tests of debugging share: a debugger, and a project whose outdir a guest may write to.
import fs from 'node:fs';
import path from 'node:path';
import WebSocket from 'ws';
import { project } from '../run/helper.js';

/** A debugger that is attached. */
export class Debugger {
  #socket;
  #id = 0;
  /** @type {Map<number, (message: any) => void>} */
  #waiting = new Map();
  /** @type {any[]} */
  #events = [];
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** By their ids. @type {Map<string, any>} */
  scripts = new Map();

  /** @param {string} url @param {object} [options] @returns {Promise<Debugger>} */
  static attach(url, options) {
    const socket = new WebSocket(url, options);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(new Debugger(socket)));
      socket.once('error', reject);
    });
  }

  /** @param {WebSocket} socket */
  constructor(socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        // The guest may end before its answer to the last command is on its way.
        for (const answer of this.#waiting.values()) answer({});
        resolve(undefined);
      });
    });
    socket.on('error', () => {});
    socket.on('message', (bytes) => {
      const message = JSON.parse(bytes.toString());
      if (message.method === 'Debugger.scriptParsed') {
        this.scripts.set(message.params.scriptId, message.params);
      } else if (message.id === undefined) {
        this.#events.push(message);
        for (const listener of this.#listeners) listener();
      } else {
        this.#waiting.get(message.id)?.(message);
      }
    });
  }

  /** @param {string} method @param {object} [params] @returns {Promise<any>} the result */
  async send(method, params) {
    const { result, error } = await this.ask(method, params);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** @param {string} method @param {object} [params] @returns {Promise<any>} result or error */
  ask(method, params) {
    const id = ++this.#id;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
    });
  }

  /** The next event of that name. @param {string} method @returns {Promise<any>} its parameters */
  next(method) {
    return new Promise((resolve) => {
      const look = () => {
        const index = this.#events.findIndex((event) => event.method === method);
        if (index < 0) return;
        this.#listeners.delete(look);
        resolve(this.#events.splice(index, 1)[0].params);
      };
      this.#listeners.add(look);
      look();
    });
  }

  /** Where it stands. @param {any} paused */
  urlOf({ callFrames }) {
    return this.scripts.get(callFrames[0].location.scriptId)?.url;
  }

  /** What came and nobody has asked for. */
  get events() {
    return this.#events;
  }

  /** @param {string} text as it is, JSON or not */
  sendRaw(text) {
    this.#socket.send(text);
  }

  /** As editors begin. */
  async begin() {
    await this.send('Runtime.enable');
    await this.send('Debugger.enable');
  }

  close() {
    this.#socket.close();
    return this.closed;
  }
}

/**
 * A project with an `out` that guests may write to, whoever they are.
 *
 * @param {any} t
 * @param {string | Record<string, string>} files
 */
export function projectWithOut(t, files) {
  const workdir = project(t, files);
  const outdir = path.join(workdir, 'out');
  fs.mkdirSync(outdir);
  fs.chmodSync(outdir, 0o777);
  fs.chmodSync(workdir, 0o755);
  return { workdir, outdir };
}

/** The ports that this process listens on. */
export function listening() {
  const own = new Set(
    fs.readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  return fs
    .readFileSync('/proc/self/net/tcp', 'latin1')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === '0A' && own.has(fields[9]))
    .map((fields) => parseInt(fields[1].split(':')[1], 16));
}
