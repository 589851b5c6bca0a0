// What a polite run does: a little work, a line, and an answer that can be checked.
'use strict';

exports.run = ({ rounds, seed }) => {
  let sum = seed;
  for (let i = 0; i < rounds; i++) sum = (sum * 31 + i) | 0;
  return sum;
};
