import path from 'node:path';
import fse from 'fs-extra';

export async function handle(_, { outdir }) {
  await fse.outputJson(path.join(outdir, 'a/b/c.json'), { x: 1 });
  await fse.copy(path.join(outdir, 'a'), path.join(outdir, 'z'));
  await fse.move(path.join(outdir, 'z/b'), path.join(outdir, 'moved'));
  const value = await fse.readJson(path.join(outdir, 'moved/c.json'));
  await fse.remove(path.join(outdir, 'a'));
  return { value, left: (await fse.readdir(outdir)).sort() };
}
