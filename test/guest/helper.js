// Runs the guest's program as the launcher does, and speaks frames to it by hand.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const bootstrap = fileURLToPath(new URL('../../lib/guest/bootstrap.cjs', import.meta.url));
export const start = fileURLToPath(new URL('../../lib/guest/start.cjs', import.meta.url));
export const fixtures = fileURLToPath(new URL('./fixtures/', import.meta.url));

// Another version of Node.js can be put to the test.
const execPath = process.env.SBX_TEST_NODE ?? process.execPath;
/** @type {Record<number, string>} */
const NAMES = { 16: 'mark', 17: 'log', 18: 'span', 19: 'notice', 20: 'error', 21: 'result' };

/** @param {number} type @param {Uint8Array} payload */
function frame(type, payload) {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(payload.length, 0);
  head[4] = 1;
  head[5] = type;
  return Buffer.concat([head, payload]);
}

/** @param {string} name @param {Buffer} payload */
function read(name, payload) {
  if (name === 'mark') return { phase: payload[0], time: payload.readDoubleLE(1) };
  if (name === 'log') return { level: payload[0], text: payload.subarray(1).toString() };
  if (name.startsWith('unknown')) return payload;
  return name === 'result' ? payload.toString() : JSON.parse(payload.toString());
}

/**
 * @param {object} request fields of REQUEST
 * @param {object} [options]
 * @param {string} [options.input] as text; none is undefined
 * @param {string[]} [options.flags] of node
 * @param {(frame: { name: string, value: any }, child: any) => void} [options.onFrame]
 * @param {(child: any) => Promise<void>} [options.beforeReading] when set, what delays stdout
 * @param {Record<string, string>} [options.env]
 * @param {number} [options.dataBytes] RLIMIT_DATA
 * @param {Buffer} [options.program] for start.cjs, instead of bootstrap.cjs
 */
export async function run(request, options = {}) {
  const limit = options.dataBytes ? ['prlimit', `--data=${options.dataBytes}`] : [];
  const main = options.program ? start : bootstrap;
  const [command, ...args] = [...limit, execPath, ...(options.flags ?? []), main];
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    cwd: fixtures,
  });
  const full = {
    file: 'handlers.cjs',
    root: fixtures,
    export: 'handle',
    ctx: { requestId: 'r1' },
    capabilities: [],
    env: {},
    timeoutMs: 20_000,
    serialization: 'json',
    maxResultBytes: 1 << 20,
    traces: false,
    traceId: null,
    spanId: null,
    ...request,
  };
  const socket = /** @type {import('node:net').Socket} */ (child.stdio[3]);
  socket.on('error', () => {}); // The guest ended before it had read everything.
  if (options.program) socket.write(frame(4, options.program));
  socket.write(frame(1, Buffer.from(JSON.stringify(full))));
  socket.write(frame(2, Buffer.from(options.input ?? '')));

  /** @type {Array<{ name: string, value: any }>} */
  const frames = [];
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 8 && rest.length >= 8 + rest.readUInt32LE(0)) {
      const end = 8 + rest.readUInt32LE(0);
      const name = NAMES[rest[5]] ?? `unknown ${rest[5]}`;
      const next = { name, value: read(name, rest.subarray(8, end)) };
      rest = rest.subarray(end);
      frames.push(next);
      options.onFrame?.(next, child);
    }
  });
  let [stdout, stderr] = ['', ''];
  child.stderr.on('data', (chunk) => (stderr += chunk));
  await options.beforeReading?.(child);
  child.stdout.on('data', (chunk) => (stdout += chunk));
  const [code, signal] = await new Promise((resolve) =>
    child.on('close', (...how) => resolve(how)),
  );
  /** @param {string} name */
  const all = (name) => frames.filter((one) => one.name === name).map((one) => one.value);
  const results = all('result');
  return {
    order: frames.map((one) => (one.name === 'mark' ? `mark ${one.value.phase}` : one.name)),
    marks: all('mark'),
    logs: all('log'),
    spans: all('span'),
    notices: all('notice'),
    errors: all('error'),
    error: all('error')[0],
    results,
    /** The JSON result. @type {any} */
    data: results.length > 0 && results[0] !== '' ? JSON.parse(results[0]) : undefined,
    stdout,
    stderr,
    code,
    signal,
    unread: rest.length,
  };
}
