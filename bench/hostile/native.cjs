// Acts that take what the kernel has, by its calls (acts.c).
'use strict';
const { act } = require('./acts.node');

exports.act = async ({ name, count, ms }) => {
  const done = act(name, count);
  await new Promise((resolve) => void setTimeout(resolve, ms));
  return done;
};
