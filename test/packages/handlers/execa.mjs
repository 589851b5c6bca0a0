import { execa } from 'execa';

export async function handle() {
  const { failed, code, stdout } = await execa('node', ['--version'], { reject: false, cwd: '/' });
  return { code: failed ? code : 'it ran', stdout };
}
