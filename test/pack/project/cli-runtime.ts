// The CLI runtime of the specification; the names that it leaves open are declared here.
const workdir: string = process.cwd();

import { createSandboxRunner } from '@kb-labs/sandbox';

const sandbox = createSandboxRunner({
  execution: { timeoutMs: 30000, graceMs: 5000, memoryMb: 256 },
  permissions: {
    env: { allow: ['NODE_ENV', 'PATH', 'HOME'] },
    filesystem: { allow: [workdir], deny: [], readOnly: false },
    network: { allow: ['*'], deny: [] },
    capabilities: [],
  },
  monitoring: {
    collectLogs: true,
    collectMetrics: true,
    collectTraces: false,
    logBufferSizeMb: 1,
  },
  mode: 'subprocess',
});

const result = await sandbox.run<object, { greeting: string }>(
  { file: './handler.js', export: 'handle' },
  { message: 'Hello' },
  { requestId: 'req-123', workdir },
);
if (!result.ok) throw new Error(JSON.stringify(result.error));
console.log(result.data.greeting);
await sandbox.dispose();
