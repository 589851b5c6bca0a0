import fs from 'node:fs';
import path from 'node:path';
import { watch } from 'chokidar';

export async function handle(_, { outdir }) {
  const watcher = watch(outdir, { ignoreInitial: true });
  const seen = new Promise((resolve, reject) => {
    watcher.on('all', (event, file) => resolve([event, path.relative(outdir, file)]));
    watcher.on('error', reject);
  });
  await new Promise((resolve) => watcher.once('ready', resolve));
  fs.writeFileSync(path.join(outdir, 'new.txt'), '');
  const event = await seen;
  await watcher.close();
  return event;
}
