// The basic example of the specification, as it stands there; `mode` is replaced by run.sh.
import { createSandboxRunner } from '@kb-labs/sandbox';

const sandbox = createSandboxRunner({
  execution: {
    timeoutMs: 30000,
    graceMs: 5000,
    memoryMb: 512,
  },
  permissions: {
    env: { allow: ['NODE_ENV', 'PATH'] },
    filesystem: { allow: [], deny: [], readOnly: false },
    network: { allow: [], deny: [] },
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

const result = await sandbox.run(
  { file: './handler.js', export: 'handle' },
  { message: 'Hello' },
  {
    requestId: 'req-123',
    workdir: process.cwd(),
    debug: false,
  }
);

if (result.ok) {
  console.log('Success:', result.data);
  console.log('Metrics:', result.metrics);
} else {
  console.error('Error:', result.error);
}
