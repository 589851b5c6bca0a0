// What becomes of handlers that misbehave: `node examples/hostile/run.js`.
import { fileURLToPath } from 'node:url';
import { createSandboxRunner } from '@kb-labs/sandbox';

process.env.API_KEY = 'a secret of the host';

const config = {
  execution: {
    timeoutMs: 2_000,
    graceMs: 200,
    memoryMb: 128,
    cpuMs: 1_000,
    maxResultBytes: 1 << 20,
  },
  permissions: { env: { allow: ['LANG'] } },
};

const sandbox = createSandboxRunner(config);
const spawning = createSandboxRunner({
  ...config,
  permissions: { ...config.permissions, capabilities: ['process:spawn'] },
});

/** @type {[name: string, runner: import('@kb-labs/sandbox').SandboxRunner][]} */
const runs = [
  ['neverReturn', sandbox],
  ['eatMemory', sandbox],
  ['burnCpu', sandbox],
  ['floodLogs', sandbox],
  ['returnTooMuch', sandbox],
  ['leave', sandbox],
  ['leaveDaemon', spawning],
  ['readEnvironment', sandbox],
  ['readUsers', sandbox],
  ['changeItself', sandbox],
  ['phoneHome', sandbox],
  ['openDoor', sandbox],
  ['startProcess', sandbox],
];

for (const [name, runner] of runs) {
  const result = await runner.run({ file: 'handlers.js', export: name }, null, {
    requestId: name,
    workdir: fileURLToPath(new URL('.', import.meta.url)),
  });
  const time = `${Math.round(result.metrics.timeMs)} ms`.padStart(8);
  const dropped = result.logsDropped ? `, ${result.logsDropped} log lines dropped` : '';
  const outcome = result.ok
    ? `ok: ${JSON.stringify(result.data)}`
    : `${result.error.code}: ${result.error.message}`;
  console.log(`${name.padEnd(15)} ${time}  ${outcome}${dropped}`);
}
await Promise.all([sandbox.dispose(), spawning.dispose()]);
