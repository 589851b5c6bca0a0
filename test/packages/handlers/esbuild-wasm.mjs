import fs from 'node:fs/promises';
import { createRequire } from 'node:module';

// The API of its Node.js build starts a process; the one for browsers runs here.
globalThis.self ??= globalThis;
const require = createRequire(import.meta.url);
const esbuild = require('esbuild-wasm/lib/browser.js');

export async function handle() {
  const wasm = await fs.readFile(require.resolve('esbuild-wasm/esbuild.wasm'));
  await esbuild.initialize({ wasmModule: await WebAssembly.compile(wasm), worker: false });
  const { code } = await esbuild.transform('let x: number = 1 + 2; export { x }', {
    loader: 'ts',
    minify: true,
  });
  return code;
}
