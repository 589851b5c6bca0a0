'use strict';
// What a text costs the host once it is read, as the host reckons it (src/core/charge.h): a value that is
// two bytes of JSON takes twenty to a hundred times that. Host and guest load it.

const call = Function.prototype.call;
/** @type {(text: string, at: number) => number} */
const charCodeAt = call.bind(String.prototype.charCodeAt);

const LIST = 64;
const NAME = 32;
const COMMA = 16;

/** Of the advanced serialization, how often values count. */
const ADVANCED = 3;

/**
 * @param {string} text JSON @param {number} bytes of it in UTF-8 @param {number} [times] values count
 * @returns {number} bytes; at least what the host says
 */
function chargeOf(text, bytes, times = 1) {
  let sum = 0;
  let wide = false;
  let inString = false;
  const { length } = text;
  for (let i = 0; i < length; i++) {
    const code = charCodeAt(text, i);
    if (code === 0x22) inString = !inString;
    else if (inString) {
      if (code === 0x5c) i++;
      else if (code > 0xff) wide = true;
    } else if (code === 0x2c) sum += COMMA;
    else if (code === 0x3a) sum += NAME;
    else if (code === 0x7b || code === 0x5b) sum += LIST;
  }
  return sum * times + (wide && 2 * length > bytes ? 2 * length : bytes);
}

module.exports = { ADVANCED, chargeOf };
