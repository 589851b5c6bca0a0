import { glob } from 'glob';

export async function handle() {
  const cwd = new URL('.', import.meta.url).pathname;
  return (await glob('{gl,zo}*.mjs', { cwd })).sort();
}
