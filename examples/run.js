// Two handlers that do real work, each in a process of its own: `npm run example`.
import { fileURLToPath } from 'node:url';
import { createSandboxRunner } from '@kb-labs/sandbox';

const here = fileURLToPath(new URL('.', import.meta.url));

const sandbox = createSandboxRunner({
  execution: { timeoutMs: 30_000, graceMs: 1_000, memoryMb: 512 },
  permissions: { env: { allow: ['NODE_ENV', 'LANG'] } },
  monitoring: { collectTraces: true },
});

/**
 * @param {string} file
 * @param {object} input
 * @param {(data: any) => string} show
 */
async function example(file, input, show) {
  const result = await sandbox.run({ file, export: 'handle' }, input, {
    requestId: `example-${file}`,
    workdir: here,
  });
  console.log(`\n=== ${file}`);
  if (!result.ok) {
    console.log('error  ', result.error);
    process.exitCode = 1;
    return;
  }
  const { timeMs, cpuMs = 0, memMb = 0, phases } = result.metrics;
  console.log(`result  ${show(result.data)}`);
  console.log(
    `metrics ${timeMs.toFixed(1)} ms, ${cpuMs.toFixed(1)} ms CPU, ${memMb.toFixed(1)} MiB`,
  );
  console.log(
    'phases ',
    Object.entries(phases ?? {})
      .map(([name, ms]) => `${name.slice(0, -2)} ${ms.toFixed(1)} ms`)
      .join(', '),
  );
  console.log('traces ', result.traces?.map(({ name }) => name).join(', '));
  for (const line of result.logs ?? []) console.log(`log     ${line}`);
}

await example(
  './compile-typescript.cjs',
  { file: 'greeter.ts' },
  ({ code, diagnostics, typescript }) =>
    `TypeScript ${typescript}, ${diagnostics} diagnostics\n${code.trim().replaceAll(/^/gm, '        ')}`,
);
await example(
  './render-readme.js',
  { file: '../README.md' },
  ({ bytes, headings }) => `${bytes} bytes of HTML, headings: ${headings.slice(0, 4).join(', ')} …`,
);
await sandbox.dispose();
