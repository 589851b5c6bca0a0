'use strict';
// Math.random of a forked guest. V8 seeds its own from a generator that the guests of one zygote have
// in common: they would all get the same numbers.

/**
 * A generator (xorshift128+, as V8's own), and what gives it a seed.
 * @param {(words: Uint32Array) => void} fill puts what nobody can guess into them
 * @returns {{ random: () => number, seed: () => void }}
 */
function createRandom(fill) {
  const words = new Uint32Array(4);
  let [a, b, c, d] = words;
  const seed = () => {
    fill(words);
    [a, b, c, d] = words;
    if ((a | b | c | d) === 0) d = 1;
  };
  const math = {
    // Two halves of each 64 bit number: a, b are the first state, c, d the second.
    random() {
      let high = a;
      let low = b;
      const top = c;
      const bottom = d;
      a = top;
      b = bottom;
      // s1 ^= s1 << 23
      high ^= (high << 23) | (low >>> 9);
      low ^= low << 23;
      // s1 ^= s1 >>> 17, s1 ^= s0, s1 ^= s0 >>> 26
      low ^= (low >>> 17) | (high << 15);
      high ^= high >>> 17;
      high ^= top ^ (top >>> 26);
      low ^= bottom ^ ((bottom >>> 26) | (top << 6));
      c = high;
      d = low;
      const sum = (low >>> 0) + (bottom >>> 0);
      const carry = sum > 0xffffffff ? 1 : 0;
      const upper = (high + top + carry) >>> 0;
      // The highest 53 bits.
      return (upper * 0x200000 + ((sum >>> 0) >>> 11)) / 0x20000000000000;
    },
  };
  seed();
  return { random: math.random, seed };
}

module.exports = { createRandom };
