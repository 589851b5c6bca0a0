// What a guest says when it speaks the protocol itself, over its data socket.
'use strict';
const fs = require('node:fs');

const SOCKET = 3;
const TYPES = { log: 17, span: 18, error: 20, result: 21, resolve: 22, message: 23 };
const answers = Buffer.alloc(65536);

/** All of it: the socket may be full. */
function write(bytes) {
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(SOCKET, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

/** A frame of `length` bytes that begins with `head`. */
function announce(type, length, head = Buffer.alloc(0)) {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(length);
  header[4] = 1;
  header[5] = TYPES[type];
  write(Buffer.concat([header, head]));
}

function send(type, payload, head) {
  announce(type, (head?.length ?? 0) + payload.length, head);
  write(payload);
}

/** A call of a host function: kind, number, length of the name, name. */
function callHead(id, name) {
  const head = Buffer.alloc(6);
  head[0] = 1;
  head.writeUInt32LE(id, 1);
  head[5] = name.length;
  return Buffer.concat([head, Buffer.from(name)]);
}

/** Answers are thrown away, so that the host can go on. */
function drain() {
  try {
    fs.readSync(SOCKET, answers);
  } catch {
    // There are none yet.
  }
}

module.exports = { announce, callHead, drain, send, write };
