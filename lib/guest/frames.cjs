'use strict';
// The guest's end of the data socket (src/core/frame.h): blocking reads and writes of whole frames.
// What is used after foreign code ran is captured here, before it runs.

const fs = require('node:fs');

const { readSync, writeSync } = fs;
const { stringify, parse } = JSON;
const { min } = Math;
const { byteLength, allocUnsafeSlow } = Buffer;
const call = Function.prototype.call;
/** @type {(text: string, from: number, to: number) => string} */
const slice = call.bind(String.prototype.slice);
/** @type {(text: string, at: number) => number} */
const charCodeAt = call.bind(String.prototype.charCodeAt);
/** @typedef {(bytes: Buffer, text: string, at: number, room: number) => number} Write */
const { prototype } = /** @type {any} */ (Buffer);
/** @type {Write} */
const latin1Write = call.bind(prototype.latin1Write);
/** @type {Write} */
const utf8Write = call.bind(prototype.utf8Write);
const { wait } = Atomics;
const Int32 = Int32Array;
const Shared = SharedArrayBuffer;
const NativeError = Error;
const { hrtime } = process;
const today = Date.now;
// Half a millisecond is what Date.now() cuts off on average.
let epoch = today() + 0.5;
let [originSeconds, originNanos] = hrtime();
/** Seconds: how long Node.js took to get here, which is long on a busy machine. */
let before = process.uptime();

const FD = 3;
const VERSION = 1;
const HEADER = 8;
// Up to this, copying costs less than a second write.
const SMALL = 16 << 10;
const AHEAD = 2 << 10;
/** Characters of a long text at a time: few enough to stay in the processor's cache. */
const PIECE = 256 << 10;

const TYPE = Object.freeze({
  REQUEST: 1,
  INPUT: 2,
  RESOLVED: 3,
  ANSWER: 5,
  INPUT_PIECE: 6,
  MARK: 16,
  LOG: 17,
  SPAN: 18,
  NOTICE: 19,
  ERROR: 20,
  RESULT: 21,
  RESOLVE: 22,
  MESSAGE: 23,
  RESULT_PIECE: 24,
});
const PHASE = Object.freeze({ BOOT: 1, LOAD: 2, EXECUTE: 3 });

/** Milliseconds since the clock was started. */
function elapsed() {
  // What is subtracted here need not be checked by it.
  const [seconds, nanos] = hrtime();
  return (seconds - originSeconds) * 1e3 + (nanos - originNanos) / 1e6;
}

/**
 * Epoch milliseconds, finer than Date.now() and on a clock that never steps back. (Node.js loads
 * `performance` on demand, which takes more than a millisecond.)
 */
function now() {
  return epoch + elapsed();
}

/** A guest that was forked just now counts from here. */
function restartClock() {
  epoch = today() + 0.5;
  [originSeconds, originNanos] = hrtime();
  before = 0;
}

/** Seconds since the guest was started. */
function age() {
  return before + elapsed() / 1e3;
}

/** Set by inbox.cjs, which reads without blocking. @type {((block: boolean) => void) | undefined} */
let setBlocking;

/** @param {(block: boolean) => void} set makes the data socket block, and not block again */
function onFull(set) {
  setBlocking = set;
}

/**
 * A handler that opens descriptor 3 as a stream makes it non-blocking for everybody: the calls here
 * wait and go on. Returns for an error that is no reason to stop, else throws it.
 * @param {any} error
 * @returns {boolean} whether the socket blocks now and must not any longer than this
 */
function recover(error) {
  if (error.code === 'EINTR') return false;
  if (error.code !== 'EAGAIN') throw error;
  if (setBlocking === undefined) wait(new Int32(new Shared(4)), 0, 0, 1);
  else setBlocking(true);
  return setBlocking !== undefined;
}

/**
 * Up to 2 GiB a call, which is the most that read(2) and write(2) move and Node accepts.
 * @param {(at: number, count: number) => number} move @param {number} length
 */
function moveAll(move, length) {
  let blocks = false;
  try {
    for (let at = 0; at < length;) {
      try {
        const count = move(at, min(length - at, 0x7ffff000));
        if (count === 0) throw new NativeError('The data socket ended inside of a frame.');
        at += count;
      } catch (error) {
        blocks = recover(error) || blocks;
      }
    }
  } finally {
    if (blocks) setBlocking?.(false);
  }
}

/** Frames that came with one read, which those after it take from. */
const ahead = allocUnsafeSlow(AHEAD);
let aheadAt = 0;
let aheadEnd = 0;

/**
 * The frames that a run begins with come together, and are as a rule small: one read takes them. The
 * host says nothing more until it is asked.
 */
function readAhead() {
  const take = (/** @type {number} */ at, /** @type {number} */ count) => {
    aheadAt = 0;
    aheadEnd = readSync(FD, ahead, at, count, null);
    return aheadEnd && AHEAD; // All that there is will do.
  };
  moveAll(take, AHEAD);
}

/**
 * @param {number} length @param {Buffer} [bytes] where they are put; left out, what was read ahead is
 *   shown where it is
 */
function readExactly(length, bytes) {
  const known = min(length, aheadEnd - aheadAt);
  if (bytes === undefined && known === length) return ahead.subarray(aheadAt, (aheadAt += length));
  const place = bytes ?? allocUnsafeSlow(length);
  for (let i = 0; i < known; i++) place[i] = ahead[aheadAt++];
  if (known < length)
    moveAll((at, count) => readSync(FD, place, known + at, count, null), length - known);
  return place;
}

/**
 * Where short frames are put together, always at the same place: memory that is new costs more than what
 * is put there.
 */
const room = allocUnsafeSlow(SMALL);
/** Bytes of frames that go with the one after them. */
let held = 0;

/** Writes what is in the room, and `more` bytes behind it. @param {number} more */
function writeRoom(more) {
  const length = held + more;
  held = 0;
  moveAll((at, count) => writeSync(FD, room, at, count), length);
}

/** @param {Uint8Array} bytes @param {number} length */
function writeExactly(bytes, length) {
  if (held > 0) writeRoom(0);
  moveAll((at, count) => writeSync(FD, bytes, at, count), length);
}

/** @param {number} type @param {Buffer} header */
function check(type, header) {
  if (header[4] === VERSION && header[5] === type) return;
  throw new NativeError(`Expected a frame of type ${type}, got ${header[5]}.`);
}

/**
 * Reads one frame, which must be of `type`.
 * @param {number} type
 */
function receive(type) {
  const header = readExactly(HEADER);
  check(type, header);
  return readExactly(header.readUInt32LE(0));
}

/**
 * Reads the input, whose pieces come first.
 * @param {(bytes: Buffer) => void} take is given each piece, which is there until it returns
 * @returns {Buffer} what came last
 */
function receiveInput(take) {
  const header = readExactly(HEADER);
  /** @type {Buffer | undefined} */
  let place;
  for (; header[5] === TYPE.INPUT_PIECE; readExactly(HEADER, header)) {
    check(TYPE.INPUT_PIECE, header);
    const length = header.readUInt32LE(0);
    if (length > PIECE) take(readExactly(length));
    else take(readExactly(length, (place ??= allocUnsafeSlow(PIECE))).subarray(0, length));
  }
  check(TYPE.INPUT, header);
  return readExactly(header.readUInt32LE(0));
}

/** @param {Buffer} head @param {number} at @param {number} type @param {number} length */
function putHeader(head, at, type, length) {
  head[at] = length;
  head[at + 1] = length >>> 8;
  head[at + 2] = length >>> 16;
  head[at + 3] = length >>> 24;
  head[at + 4] = VERSION;
  head[at + 5] = type;
  head[at + 6] = 0;
  head[at + 7] = 0;
}

/**
 * Begins a frame in the room.
 * @param {number} type @param {number} length
 * @returns {number} where its payload belongs; 0: it is too long, and its header is written
 */
function begin(type, length) {
  if (held + HEADER + length > SMALL && held > 0) writeRoom(0);
  putHeader(room, held, type, length);
  if (HEADER + length <= SMALL) return held + HEADER;
  writeRoom(HEADER);
  return 0;
}

/**
 * Writes one frame of `length` bytes.
 * @param {number} type @param {Uint8Array} payload @param {number} length
 */
function send(type, payload, length) {
  const at = begin(type, length);
  if (at === 0) return writeExactly(payload, length);
  for (let i = 0; i < length; i++) room[at + i] = payload[i];
  return writeRoom(HEADER + length);
}

/**
 * Writes one frame whose first HEADER bytes are free for the header.
 * @param {number} type @param {Buffer} frame
 */
function sendFrame(type, frame) {
  frame.writeUInt32LE(frame.length - HEADER, 0);
  frame.writeUInt32LE(VERSION | (type << 8), 4);
  writeExactly(frame, frame.length);
}

/**
 * Writes one frame that holds a text, which may be long: it becomes bytes piece by piece, all in the
 * same place, since memory that was never used before costs more than the copying.
 * @param {number} type @param {string} text @param {number} [length] of the text in UTF-8
 */
function sendText(type, text, length = byteLength(text)) {
  const at = begin(type, length);
  if (at === 0) return writeText(text, length);
  putText(room, at, text, length);
  return writeRoom(HEADER + length);
}

/** @param {Buffer} bytes @param {number} at @param {string} text @param {number} length of it in UTF-8 */
function putText(bytes, at, text, length) {
  return (length === text.length ? latin1Write : utf8Write)(bytes, text, at, length);
}

/** @param {string} text @param {number} length of it in UTF-8 */
function writeText(text, length) {
  const ascii = length === text.length;
  const place = allocUnsafeSlow(ascii ? min(PIECE, length) : 3 * PIECE);
  for (let at = 0; at < text.length;) {
    let end = min(at + PIECE, text.length);
    // A pair of surrogates is one character.
    if (!ascii && end < text.length && (charCodeAt(text, end - 1) & 0xfc00) === 0xd800) end--;
    const piece = slice(text, at, end);
    const count = ascii
      ? latin1Write(place, piece, 0, piece.length)
      : utf8Write(place, piece, 0, place.length);
    writeExactly(place, count);
    at = end;
  }
}

/** Where pieces of a result become bytes. @type {Buffer | undefined} */
let pieceRoom;

/**
 * Writes one piece of a result.
 * @param {number} form of pieces.cjs @param {string} text @param {number} length of it in UTF-8
 */
function sendPiece(form, text, length) {
  const place = (pieceRoom ??= allocUnsafeSlow(HEADER + 1 + PIECE));
  const at = HEADER + 1;
  putHeader(place, 0, TYPE.RESULT_PIECE, 1 + length);
  place[HEADER] = form;
  if (length > PIECE) {
    writeExactly(place, at);
    writeText(text, length);
    return;
  }
  putText(place, at, text, length);
  writeExactly(place, at + length);
}

const time = new Float64Array(1);
const timeBytes = new Uint8Array(time.buffer);
const MARK = 1 + timeBytes.length;

/** @param {number} phase */
function putMark(phase) {
  const at = begin(TYPE.MARK, MARK);
  time[0] = now();
  room[at] = phase;
  for (let i = 0; i < timeBytes.length; i++) room[at + 1 + i] = timeBytes[i];
}

/** @param {number} phase one of PHASE, which has just ended */
function mark(phase) {
  putMark(phase);
  writeRoom(HEADER + MARK);
}

/** The same, told together with what is sent next. @param {number} phase */
function markNext(phase) {
  putMark(phase);
  held += HEADER + MARK;
}

module.exports = {
  HEADER,
  TYPE,
  PHASE,
  age,
  byteLength,
  mark,
  markNext,
  now,
  onFull,
  parse,
  readAhead,
  receive,
  receiveInput,
  restartClock,
  send,
  sendFrame,
  sendPiece,
  sendText,
  stringify,
};
