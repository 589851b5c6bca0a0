import { minify } from 'terser';

export async function handle() {
  const { code, map } = await minify(
    'function add(first, second) { return first * second } console.log(add, add(a, b))',
    {
      toplevel: true,
      sourceMap: true,
    },
  );
  return { code, version: JSON.parse(map).version };
}
