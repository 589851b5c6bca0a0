// `npm run bench:report [-- FILE…] [--out DIRECTORY]`: plots and a page from results, by default from
// the newest whole one and those of the same day under other versions of Node.js, and then the parts
// of README and docs/performance.md as well. Of several results the better of each number counts.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { install } from './install.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = path.join(here, '..');
const { values, positionals } = parseArgs({
  options: { out: { type: 'string' } },
  allowPositionals: true,
});

await install();
const { charts, newest } = await import('./report/data.js');
const { best } = await import('./report/merge.js');
const { draw, standAlone } = await import('./report/plots.js');
const { page } = await import('./report/page.js');
const { forkText, putBetween, readmeText } = await import('./report/readme.js');
const { longText, performanceText } = await import('./report/performance.js');

const directory = path.join(here, 'results');
const files =
  positionals.length > 0 ? positionals.map((name) => path.resolve(name)) : newest(directory);
const results = await best(files.map((name) => JSON.parse(fs.readFileSync(name, 'utf8'))));
const out = path.resolve(values.out ?? here);

fs.mkdirSync(path.join(out, 'plots'), { recursive: true });
fs.writeFileSync(path.join(out, 'report.html'), page(results));
for (const question of ['latency', 'throughput']) {
  const { unit, better, x } = results.answers[question] ?? {};
  const [chart] = charts(results, question);
  if (!chart) continue;
  const svg = standAlone(draw(chart, { unit, better, x, width: 760 }));
  fs.writeFileSync(path.join(out, 'plots', `${question}.svg`), svg);
}
console.log(`Written: ${path.relative(process.cwd(), path.join(out, 'report.html'))}`);

if (values.out === undefined) {
  // A glance is nothing to be quoted.
  if (results.quick || files.some((name) => path.dirname(name) !== directory)) {
    console.log('README and docs are left as they are: these are no results to keep.');
  } else {
    const from = (/** @type {string} */ place) => files.map((name) => path.relative(place, name));
    rewrite('README.md', {
      bench: readmeText(results, from(root)),
      'bench fork': forkText(results),
    });
    rewrite('docs/performance.md', {
      'bench targets': performanceText(results, from(path.join(root, 'docs'))),
      'bench long': longText(directory),
    });
  }
}

/** @param {string} name @param {Record<string, string>} parts by their markers */
function rewrite(name, parts) {
  const file = path.join(root, name);
  let text = fs.readFileSync(file, 'utf8');
  for (const [marker, part] of Object.entries(parts)) text = putBetween(text, part, marker);
  fs.writeFileSync(file, text);
  console.log(`Written: ${name}`);
}
