'use strict';
// Long texts to bytes and back. V8 writes and reads UTF-8 character by character; what is ASCII can
// be copied as it is, and nearly all long texts are. Host and guest load it.

const { Buffer, isAscii } = require('node:buffer');

const { byteLength } = Buffer;
const fromString = Buffer.from;
const latin1 = Function.prototype.call.bind(Buffer.prototype.latin1Slice);
const utf8 = Function.prototype.call.bind(Buffer.prototype.utf8Slice);

/**
 * @param {string} text
 * @returns {Buffer} in UTF-8
 */
function toBytes(text) {
  return fromString(text, byteLength(text) === text.length ? 'latin1' : 'utf8');
}

/**
 * @param {Uint8Array} bytes in UTF-8; what is not becomes U+FFFD
 * @returns {string}
 */
function toText(bytes) {
  return isAscii(bytes) ? latin1(bytes, 0, bytes.length) : utf8(bytes, 0, bytes.length);
}

module.exports = { toBytes, toText };
