// Opens connections one after the other, or reads bytes over one; times itself, so that the start of
// its process is not in the numbers.
'use strict';

const net = require('node:net');

/** @param {number} port @param {number} bytes */
function read(port, bytes) {
  return new Promise((resolve, reject) => {
    let left = bytes;
    const socket = net.connect(port, '127.0.0.1');
    socket.once('error', reject);
    socket.once('close', () => (left <= 0 ? resolve(undefined) : reject(new Error('cut short'))));
    socket.on('data', (chunk) => {
      left -= chunk.length;
      if (left <= 0) socket.destroy();
    });
    // Tells the server how much is wanted.
    socket.write(`${bytes}\n`);
  });
}

exports.run = async ({ port, connections, bytes }) => {
  await read(port, 1);
  const began = performance.now();
  for (let i = 0; i < connections; i++) await read(port, bytes);
  return performance.now() - began;
};
