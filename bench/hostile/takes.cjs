// Acts that take what the kernel has, in JavaScript alone.
'use strict';
const dns = require('node:dns');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { Worker } = require('node:worker_threads');

const wait = (ms) => new Promise((resolve) => void setTimeout(resolve, ms));
const until = (ms) => {
  const end = performance.now() + ms;
  return () => performance.now() < end;
};

exports.spin = ({ ms }) => {
  for (const going = until(ms); going(););
};

exports.microtasks = async ({ ms }) => {
  for (const going = until(ms); going();) await undefined;
};

exports.buffers = () => {
  for (const kept = []; ;) kept.push(Buffer.alloc(16 << 20, 1));
};

exports.heap = () => {
  for (const kept = []; ;) kept.push(Array.from({ length: 1000 }, (_, i) => ({ i })));
};

exports.garbage = ({ ms }) => {
  let last;
  for (const going = until(ms); going();) last = Array.from({ length: 50_000 }, (_, i) => ({ i }));
  return last.length;
};

exports.workers = async ({ ms, count }) => {
  const text = 'for (;;);';
  const workers = Array.from({ length: count }, () => new Worker(text, { eval: true }));
  await wait(ms);
  return workers.length;
};

exports.crash = () => process.abort();

exports.exit = () => process.exit(1);

const fill = (folder, ms, each) => {
  let count = 0;
  for (const going = until(ms); going(); count++) {
    try {
      each(path.join(folder, `file-${count}`));
    } catch {
      break;
    }
  }
  return count;
};
exports.temporaryFiles = ({ ms }) => fill('/tmp', ms, (file) => fs.writeFileSync(file, ''));
exports.outdirFiles = ({ ms }, ctx) => fill(ctx.outdir, ms, (file) => fs.writeFileSync(file, ''));
exports.outdirBytes = ({ ms }, ctx) => {
  const bytes = Buffer.alloc(4 << 20, 1);
  return fill(ctx.outdir, ms, (file) => fs.writeFileSync(file, bytes));
};
exports.sync = ({ ms }, ctx) =>
  fill(ctx.outdir, ms, (file) => {
    const fd = fs.openSync(file, 'w');
    fs.writeSync(fd, 'x');
    fs.fsyncSync(fd);
    fs.closeSync(fd);
    fs.unlinkSync(file);
  });

exports.calls = ({ ms }) => {
  for (const going = until(ms); going();)
    for (let i = 0; i < 1000; i++) fs.statSync(__filename, { throwIfNoEntry: false });
};

/** Names that rules allow and that nobody answers. */
exports.names = async ({ ms }) => {
  const going = until(ms);
  const one = async () => {
    while (going()) await dns.promises.lookup('a.invalid').catch(() => {});
  };
  await Promise.race([wait(ms), Promise.all(Array.from({ length: 50 }, one))]);
};

const connects =
  (port, host) =>
  async ({ ms }) => {
    const going = until(ms);
    const one = () =>
      new Promise((resolve) => {
        const socket = net.connect(port, host, () => socket.destroy());
        socket.on('error', () => {}).on('close', resolve);
      });
    const many = async () => {
      while (going()) await one();
    };
    await Promise.race([wait(ms), Promise.all(Array.from({ length: 20 }, many))]);
  };
exports.refused = connects(9, '192.0.2.1');
exports.stub = connects(53, '127.0.0.1');
