// Acts that cost the host more than the guest: what it says.
'use strict';
const fs = require('node:fs');
const { announce, callHead, drain, send, write } = require('./frames.cjs');

const until = (ms) => {
  const end = performance.now() + ms;
  return () => performance.now() < end;
};

/** `count` small values in one text. */
const objects = (count) => Buffer.from(`[${'{},'.repeat(count)}0]`);

exports.smallValues = ({ bytes }) => {
  const each = Buffer.from('{},'.repeat(20_000));
  const times = Math.floor(bytes / each.length);
  announce('result', times * each.length + 3, Buffer.from('['));
  for (let i = 0; i < times; i++) write(each);
  write(Buffer.from('0]'));
  process.kill(process.pid, 'SIGKILL');
};

exports.deepValue = ({ bytes }) => {
  const half = bytes >> 1;
  send('result', Buffer.concat([Buffer.alloc(half, '['), Buffer.alloc(half, ']')]));
  process.kill(process.pid, 'SIGKILL');
};

exports.manyKeys = ({ count }) => {
  const value = {};
  for (let i = 0; i < count; i++) value[`key ${i}`] = i;
  return value;
};

exports.longText = ({ bytes }) => 'x'.repeat(bytes);

exports.largeCalls = ({ ms, count }) => {
  const argument = objects(count);
  const going = until(ms);
  for (let id = 1_000_000; going(); id++) {
    send('message', argument, callHead(id, 'size'));
    drain();
  }
};

exports.manyCalls = ({ ms }) => {
  const nothing = Buffer.from('[]');
  const going = until(ms);
  for (let id = 1_000_000; going(); id++) {
    send('message', nothing, callHead(id, 'size'));
    drain();
  }
};

exports.callsByHost = async ({ ms }, ctx) => {
  const going = until(ms);
  const one = async () => {
    while (going()) await ctx.host.size({ a: 1 });
  };
  await Promise.all(Array.from({ length: 64 }, one));
};

exports.chunks = async function* ({ ms }) {
  const chunk = Array.from({ length: 20_000 }, () => ({}));
  for (const going = until(ms); going();) yield chunk;
};

exports.progress = async ({ ms }, ctx) => {
  for (const going = until(ms); going();) {
    for (let i = 0; i < 1000; i++) ctx.progress(Math.random(), 'x'.repeat(1000));
    await new Promise(setImmediate);
  }
};

exports.spans = ({ ms }, ctx) => {
  const attributes = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key ${i}`, i]));
  for (const going = until(ms); going();) ctx.trace.span('span', () => {}, attributes);
};

exports.rawSpans = ({ ms }) => {
  const span = Buffer.from(
    JSON.stringify({ name: 'x', attributes: { list: objects(5000).toString() } }),
  );
  for (const going = until(ms); going();) send('span', span.subarray(0, 60_000));
};

exports.logFields = ({ ms }, ctx) => {
  const fields = { list: Array.from({ length: 5000 }, () => ({})) };
  for (const going = until(ms); going();) ctx.log.info('line', fields);
};

const print = (bytes, ms) => {
  for (const going = until(ms); going();) {
    try {
      fs.writeSync(1, bytes);
    } catch {
      // The pipe is full.
    }
  }
};
exports.newlines = ({ ms }) => print(Buffer.alloc(65536, '\n'), ms);
exports.longLines = ({ ms }) => print(Buffer.alloc(65536, 'x'), ms);
exports.brokenText = ({ ms }) => print(Buffer.alloc(65536, Buffer.from([0xe2, 0x82, 0x0a])), ms);

exports.largeError = () => {
  const error = new Error('x'.repeat(2_000_000));
  error.stack = 'at line\n'.repeat(100_000);
  error.list = Array.from({ length: 100_000 }, () => ({}));
  for (let i = 0, at = error; i < 1000; i++) at = at.cause = new Error('y'.repeat(1000));
  throw error;
};

exports.garbage = ({ bytes }) => {
  write(Buffer.alloc(bytes, 0xff));
};
