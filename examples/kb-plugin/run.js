// The same plugin in this process and in a confined one: `node examples/kb-plugin/run.js`.
import { fileURLToPath } from 'node:url';
import { createSandboxRunner } from '@kb-labs/sandbox';
import { createPlatform } from './platform.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const documents = [
  { id: 'a', text: 'Two words' },
  { id: 'b', text: 'And three words' },
];

for (const mode of /** @type {const} */ (['inprocess', 'subprocess'])) {
  const { host, events, files } = createPlatform();
  events.on('document.indexed', (event) => console.log('event   ', JSON.stringify(event)));
  const sandbox = createSandboxRunner({
    mode,
    host,
    permissions: { capabilities: ['host:cache', 'host:storage', 'host:events'] },
  });
  console.log(`=== ${mode}`);
  for (let round = 1; round <= 2; round++) {
    const result = await sandbox.run(
      { file: 'plugin.mjs', export: 'handle' },
      { documents },
      {
        requestId: `round-${round}`,
        workdir: here,
        tenant: 'acme',
        onProgress: (fraction, id) => fraction === 1 && console.log(`progress ${fraction} ${id}`),
      },
    );
    if (!result.ok) process.exitCode = 1;
    console.log('result  ', JSON.stringify(result.ok ? result.data : result.error));
    for (const line of result.logs ?? []) console.log('log     ', line);
  }
  console.log('files   ', [...files.keys()].join(' '));
  await sandbox.dispose();
}
