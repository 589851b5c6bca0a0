// Where the numbers come from.
import fs from 'node:fs';
import os from 'node:os';

export function describeMachine() {
  const [{ model }] = os.cpus();
  return {
    cpu: model.trim(),
    processors: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    // What follows the version is the builder's own name for it.
    kernel: /^[\d.]+/.exec(os.release())?.[0] ?? os.release(),
    arch: process.arch,
    system: /^PRETTY_NAME="?([^"\n]+)/m.exec(readOr('/etc/os-release'))?.[1] ?? os.type(),
    user: process.getuid?.() === 0 ? 'root' : 'an ordinary user',
    load: os.loadavg()[0],
  };
}

/** @returns {() => number} percent of the processors' time, since this call, that others had */
export function steal() {
  const before = times();
  return () => {
    const now = times();
    const all = now.all - before.all;
    return all > 0 ? ((now.stolen - before.stolen) * 100) / all : 0;
  };
}

/** proc(5), /proc/stat: the eighth number is what the hypervisor gave to others. */
function times() {
  const numbers = readOr('/proc/stat').split('\n')[0].split(/\s+/).slice(1, 9).map(Number);
  return { all: numbers.reduce((sum, n) => sum + n, 0), stolen: numbers[7] ?? 0 };
}

/** @param {string} file */
function readOr(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
