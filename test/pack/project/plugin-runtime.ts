// The plugin runtime of the specification; the names that it leaves open are declared here.
declare const process: NodeJS.Process;
const perms: {
  quotas?: { timeoutMs?: number; memoryMb?: number };
  env?: { allow?: string[] };
  capabilities?: string[];
} = { capabilities: ['kv:read'] };
const ctx = { debug: true };
const devMode = process.argv[2] === 'inprocess';

import { createSandboxRunner } from '@kb-labs/sandbox';

const sandbox = createSandboxRunner({
  execution: {
    timeoutMs: perms.quotas?.timeoutMs ?? 60000,
    graceMs: 5000,
    memoryMb: perms.quotas?.memoryMb ?? 512,
  },
  permissions: {
    env: { allow: perms.env?.allow || [] },
    filesystem: { allow: [], deny: [], readOnly: false },
    network: { allow: [], deny: [] },
    capabilities: perms.capabilities || [],
  },
  monitoring: {
    collectLogs: ctx.debug || false,
    collectMetrics: true,
    collectTraces: true,
    logBufferSizeMb: 1,
  },
  mode: devMode ? 'inprocess' : 'subprocess',
});

const result = await sandbox.run<{ message: string }, { greeting: string; capabilities: string[] }>(
  { file: './handler.js', export: 'handle' },
  { message: 'Hello' },
  { requestId: 'req-123', workdir: process.cwd() },
);
if (!result.ok) throw new Error(JSON.stringify(result.error));
console.log(JSON.stringify([result.data, result.logs, result.traces?.length]));
await sandbox.dispose();
