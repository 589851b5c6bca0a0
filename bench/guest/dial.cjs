// Connects and closes again: so often, or for so long.
'use strict';

const net = require('node:net');

/** @param {number} port */
const dial = (port) =>
  new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('error', reject);
    socket.once('connect', () => socket.destroy());
    socket.once('close', resolve);
  });

exports.run = async ({ port, connections = Infinity, ms = Infinity, pauseMs = 0 }) => {
  const numbers = [];
  const end = performance.now() + ms;
  while (numbers.length < connections && performance.now() < end) {
    const began = performance.now();
    await dial(port);
    numbers.push((performance.now() - began) * 1000);
    if (pauseMs > 0) await new Promise((resolve) => void setTimeout(resolve, pauseMs));
  }
  // Of a flood the count says enough.
  return ms === Infinity || pauseMs > 0
    ? { count: numbers.length, numbers }
    : { count: numbers.length };
};
