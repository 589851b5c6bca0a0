'use strict';
// The thread of a guest that a debugger talks with: sessions of the main thread's inspector, one for
// each debugger that the host has let in. Messages come and go over the descriptor that the launcher
// has put there (SBX_GUEST_DEBUG_FD of src/core/control.h): a length in four bytes, then JSON,
// `{ session, open | close | message }`.

const { Socket } = require('node:net');
const { Session } = require('node:inspector');
const { parentPort, workerData } = require('node:worker_threads');

const FD = 7;
const HEADER = 4;

const parent = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const socket = new Socket({ fd: FD, readable: true, writable: true });

/** @typedef {{ inspector: Session, break?: string }} Open */
/** @type {Map<number, Open>} */
const sessions = new Map();
let waiting = true;

/** @param {unknown} what */
function send(what) {
  const body = Buffer.from(JSON.stringify(what));
  const head = Buffer.alloc(HEADER);
  head.writeUInt32LE(body.length);
  socket.write(Buffer.concat([head, body]));
}

/**
 * What the protocol says of an error, which Node.js has made a text of.
 * @param {Error} error
 */
function errorOf({ message }) {
  const [, code, text] = /^Inspector error (-?\d+): (.*)$/s.exec(message) ?? [];
  return { code: code === undefined ? -32000 : Number(code), message: text ?? message };
}

/**
 * What the inspector tells is dealt with when it is done telling, in the same order: a command that is
 * sent from inside of its callbacks may never be answered (seen with Node.js 26).
 */
const later = setImmediate;

/** @param {Open} open @param {string} method @param {any} params @returns {Promise<any>} */
function post({ inspector }, method, params) {
  return new Promise((resolve) => {
    inspector.post(method, params, (/** @type {Error | null} */ error, /** @type {any} */ result) =>
      later(() => resolve(error ? { error: errorOf(error) } : { result })),
    );
  });
}

/**
 * As --inspect-brk: the first line of the handler's file, for a debugger that is there to see it.
 * @param {Open} open
 */
async function letRun(open) {
  if (!waiting) return;
  waiting = false;
  const { result } = await post(open, 'Debugger.setBreakpointByUrl', {
    url: workerData.breakAt,
    lineNumber: 0,
    columnNumber: 0,
  });
  open.break = result?.breakpointId;
  parent.postMessage('run');
}

/**
 * The breakpoint is this program's, and no debugger has to know of it.
 * @param {Open} open @param {any} message
 */
function onPaused(open, { params }) {
  const hit = params.hitBreakpoints ?? [];
  if (open.break === undefined || !hit.includes(open.break)) return;
  post(open, 'Debugger.removeBreakpoint', { breakpointId: open.break });
  params.hitBreakpoints = hit.filter((/** @type {string} */ id) => id !== open.break);
  params.reason = 'Break on start';
  open.break = undefined;
}

/**
 * This very worker is no part of the program: who stopped it would hear no more.
 * @param {any} message
 */
function isOfThisWorker({ method, params }) {
  return method === 'NodeWorker.attachedToWorker' && params.workerInfo.url.endsWith(ownUrl);
}
const ownUrl = require('node:url').pathToFileURL(__filename).href;

/** @param {number} id */
function openSession(id) {
  const inspector = new Session();
  inspector.connectToMainThread();
  /** @type {Open} */
  const open = { inspector };
  inspector.on('inspectorNotification', (message) => later(onNotification, id, open, message));
  sessions.set(id, open);
}

/** @param {number} session @param {Open} open @param {any} message */
function onNotification(session, open, message) {
  const { method } = message;
  if (isOfThisWorker(message)) return;
  if (method === 'Debugger.breakpointResolved' && ownBreak(open, message)) return;
  if (method === 'Debugger.paused') onPaused(open, message);
  send({ session, message });
}

/** @param {Open} open @param {any} message */
function ownBreak(open, message) {
  return open.break !== undefined && message.params.breakpointId === open.break;
}

/** @param {number} id */
function closeSession(id) {
  sessions.get(id)?.inspector.disconnect();
  sessions.delete(id);
}

/** @param {number} session @param {{ id: number, method: string, params?: any }} message */
async function onCommand(session, { id, method, params }) {
  const open = sessions.get(session);
  if (open === undefined) return;
  const answer = await post(open, method, params);
  // The program is over. Node.js gives no answer then either, and an error would be none of the command's.
  if (sessions.get(session) !== open) return;
  if (method === 'Runtime.runIfWaitingForDebugger') await letRun(open);
  send({ session, message: { id, ...answer } });
}

/** @param {any} frame */
function onFrame({ session, open, close, message }) {
  if (open) openSession(session);
  else if (close) closeSession(session);
  else onCommand(session, message);
}

/** @type {Buffer} */
let rest = Buffer.alloc(0);
socket.on('data', (chunk) => {
  rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
  while (rest.length >= HEADER) {
    const end = HEADER + rest.readUInt32LE();
    if (rest.length < end) return;
    const body = rest.subarray(HEADER, end).toString();
    rest = rest.subarray(end);
    onFrame(JSON.parse(body));
  }
});

function end() {
  for (const id of [...sessions.keys()]) closeSession(id);
}
socket.on('error', end);
socket.on('close', end);
parent.on('message', end);
