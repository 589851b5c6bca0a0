import { rollup } from '@rollup/wasm-node';

export async function handle() {
  const files = {
    a: "export { x as default } from 'b'; console.log",
    b: 'export const x = 1; export const y = 2',
  };
  const memory = { name: 'memory', resolveId: (id) => id, load: (id) => files[id] };
  const bundle = await rollup({ input: 'a', plugins: [memory] });
  const { output } = await bundle.generate({ format: 'cjs' });
  return { has: output[0].code.includes('const x = 1'), shaken: !output[0].code.includes('y = 2') };
}
