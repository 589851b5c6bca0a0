'use strict';
// What the host says while a handler runs, read from the data socket without blocking. Nothing is
// opened before somebody waits for an answer; the event loop is kept alive only as long as one does.

const { HEADER, onFull } = require('./frames.cjs');

const { allocUnsafeSlow, concat } = Buffer;
const copy = Buffer.from;

const FD = 3;
const ROOM = 64 << 10;

/** @type {Map<number, { take: (payload: Buffer) => void, lose: () => void }>} */
const listeners = new Map();
/** @type {any} */
let socket;
let holds = 0;
let lost = false;

/** The beginning of a frame, once it is known to be longer than what came. @type {Buffer[]} */
let parts = [];
let have = 0;
let need = HEADER;

/**
 * @param {number} type of frames
 * @param {(payload: Buffer) => void} take the payload is good until it returns
 * @param {() => void} lose the host will say nothing more
 */
function listen(type, take, lose) {
  listeners.set(type, { take, lose });
}

/** Somebody waits for an answer. */
function hold() {
  if (holds++ > 0) return;
  if (socket === undefined) open();
  else socket.ref();
}

/** Somebody has got it. */
function release() {
  if (--holds === 0) socket.unref();
}

function open() {
  const { Socket } = require('node:net');
  const buffer = allocUnsafeSlow(ROOM);
  const callback = (/** @type {number} */ count) => {
    takeBytes(buffer.subarray(0, count));
    return true;
  };
  // Half open, so that it is not closed when the host has said its last word.
  const options = { fd: FD, readable: true, writable: true, allowHalfOpen: true };
  socket = new Socket(/** @type {any} */ ({ ...options, onread: { buffer, callback } }));
  onFull((block) => socket._handle?.setBlocking(block));
  socket.on('error', lose);
  socket.on('end', lose);
  socket.resume();
}

function lose() {
  if (lost) return;
  lost = true;
  for (const listener of listeners.values()) listener.lose();
}

/** @param {Buffer} bytes good until this returns */
function takeBytes(bytes) {
  let all = bytes;
  if (have > 0) {
    parts.push(copy(bytes));
    have += bytes.length;
    if (have < need) return;
    all = concat(parts, have);
  }
  const rest = takeFrames(all);
  parts = rest.length === 0 ? [] : [copy(rest)];
  have = rest.length;
  need = have < HEADER ? HEADER : HEADER + rest.readUInt32LE(0);
}

/** @param {Buffer} bytes @returns {Buffer} what is no whole frame */
function takeFrames(bytes) {
  let at = 0;
  while (bytes.length - at >= HEADER) {
    const end = at + HEADER + bytes.readUInt32LE(at);
    if (end > bytes.length) break;
    listeners.get(bytes[at + 5])?.take(bytes.subarray(at + HEADER, end));
    at = end;
  }
  return at === 0 ? bytes : bytes.subarray(at);
}

module.exports = { hold, listen, release };
