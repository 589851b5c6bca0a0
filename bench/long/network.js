// `npm run bench:network`: connections by rules, many guests at once, and one that floods.
//   --guests 1000  --connections 10  --concurrency 32  --seconds 5   --startup spawn|fork|auto
//   --out FILE
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median, quantile } from '../statistics.js';
import { fileOf, keep, many, runnerOf, whole } from './common.js';

const { values } = parseArgs({
  options: {
    guests: { type: 'string', default: '1000' },
    connections: { type: 'string', default: '10' },
    concurrency: { type: 'string', default: '32' },
    seconds: { type: 'string', default: '5' },
    startup: { type: 'string', default: 'auto' },
    out: { type: 'string' },
  },
});
const guests = whole('guests', values.guests);
const connections = whole('connections', values.connections);
const concurrency = whole('concurrency', values.concurrency);
const seconds = whole('seconds', values.seconds);

let accepted = 0;
const server = net.createServer((socket) => {
  accepted++;
  socket.on('error', () => {});
  socket.resume();
});
// What it does not take at once waits; nothing is turned away.
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
await once(server, 'listening');
const { port } = /** @type {net.AddressInfo} */ (server.address());
const runner = runnerOf(values.startup, {
  concurrency,
  maxForks: 0,
  permissions: { network: { allow: [`127.0.0.1:${port}`] } },
});
await runner.run('dial', { port, connections: 1 });

const crowd = await crowdOf();
console.log(
  `${guests} guests, ${connections} connections each, ${concurrency} at once: ` +
    `${crowd.accepted} made, ${crowd.errors.length} errors, ${crowd.seconds.toFixed(1)} s`,
);
for (const error of new Set(crowd.errors)) console.log(`  ${error}`);

const calm = await watched(false);
const flooded = await watched(true);
const times = flooded.connectUs / calm.connectUs;
console.log(
  `a connection: ${calm.connectUs.toFixed(0)} µs alone, ${flooded.connectUs.toFixed(0)} µs ` +
    `(×${times.toFixed(2)}, at most ×2 wanted) next to a guest that makes ${flooded.perSecond.toFixed(0)} a second`,
);
console.log(
  `the host's event loop: late by ${calm.lagMs.toFixed(2)} ms without, ${flooded.lagMs.toFixed(2)} ms with it ` +
    `(medians; p99 ${calm.lagP99Ms.toFixed(1)} and ${flooded.lagP99Ms.toFixed(1)})`,
);
await runner.close();
server.close();
const options = { guests, connections, concurrency, seconds, startup: values.startup };
const file = fileOf('network', values.out);
keep(file, 'network', { options, crowd, calm, flooded, times });
console.log(`\nRaw numbers: ${file}`);
process.exitCode = crowd.errors.length > 0 ? 1 : 0;

async function crowdOf() {
  /** @type {string[]} */
  const errors = [];
  const before = accepted;
  const began = performance.now();
  await many(guests, concurrency, async () => {
    try {
      const { count } = await runner.run('dial', { port, connections });
      if (count !== connections) errors.push(`${count} of ${connections} connections`);
    } catch (error) {
      errors.push(/** @type {Error} */ (error).message);
    }
  });
  const seconds = (performance.now() - began) / 1000;
  // The guests' ends are told beside the server's.
  const missing = () => accepted - before < guests * connections;
  for (let i = 0; i < 100 && missing(); i++) await sleep(20);
  return { accepted: accepted - before, errors, seconds };
}

/**
 * A guest that connects now and then, and how late the host's timers are, with or without another
 * guest that connects for all of its time. Its server is in another process than the host's: what it
 * has to do is not the host's lag.
 *
 * @param {boolean} flood
 */
async function watched(flood) {
  const far = await farServer();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const listed = runnerOf(values.startup, {
    concurrency: 4,
    maxForks: 0,
    permissions: { network: { allow: [`127.0.0.1:${far.port}`] } },
  });
  const ms = seconds * 1000;
  // Both are there before the watching begins.
  const flooding = flood && listed.run('dial', { port: far.port, ms: ms + 2000 });
  await new Promise((resolve) => void setTimeout(resolve, 1000));
  delay.enable();
  const { numbers } = await listed.run('dial', { port: far.port, ms, pauseMs: 20 });
  delay.disable();
  const { count } = (await flooding) || { count: 0 };
  await listed.close();
  await far.close();
  return {
    connectUs: median(numbers),
    connectP95Us: quantile(numbers, 0.95),
    connections: numbers.length,
    perSecond: count / (seconds + 2),
    // A timer of 5 ms that is on time.
    lagMs: delay.percentile(50) / 1e6 - 5,
    lagP99Ms: delay.percentile(99) / 1e6 - 5,
  };
}

async function farServer() {
  const child = fork(fileURLToPath(new URL('./server.js', import.meta.url)), { execArgv: [] });
  const [at] = await once(child, 'message');
  return {
    port: /** @type {number} */ (at),
    async close() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
