// The part of the README that comes from the results.
import { short } from '../print.js';
import { absent, machineOf, summary } from './data.js';
import { cells, wantedTable } from './wanted.js';

/**
 * Replaces what is between the markers, or puts it after the first where there is no second yet.
 *
 * @param {string} page in Markdown
 * @param {string} text
 * @param {string} [name] of the markers
 */
export function putBetween(page, text, name = 'bench') {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const begin = page.indexOf(open);
  if (begin < 0) throw new Error(`there is no ${open}`);
  const from = begin + open.length;
  const end = page.indexOf(close, from);
  const rest = end < 0 ? page.slice(from) : page.slice(end + close.length);
  return `${page.slice(0, from)}\n${text.trim()}\n${close}${rest}`;
}

/** @param {any} results @param {string[]} files of the results, from the repository's root */
export function readmeText(results, files) {
  const rows = summary(results).map((/** @type {any} */ one) =>
    cells(
      one.kind === 'ours' ? `**${one.name}**` : one.name,
      one.isolation,
      short(one.latency),
      one.times ? `×${short(one.times.ratio)}` : '–',
      short(one.rate),
      short(one.memory),
      short(one.first),
    ),
  );
  const missing = absent(results).map(({ name }) => name);
  return `Measured ${results.date.slice(0, 10)} on ${machineOf(results)}; medians of
interleaved runs in a clean environment. \`npm run bench\` measures your machine (\`-- --quick\` in two
minutes), \`npm run bench:report\` writes this part; [all plots and tables](bench/report.html),
[the method](bench/README.md), ${linksTo(files)}.

![One run of a small handler, milliseconds](bench/plots/latency.svg)

![Runs in a second, by how many at once](bench/plots/throughput.svg)

${cells('', 'between the handler and its host', 'one run, ms', 'of `fork`', 'runs/s, 8 at once', 'MB per guest', 'first run, ms')}
| --- | --- | --: | --: | --: | --: | --: |
${rows.join('\n')}
${missing.length ? `\nNot measured there: ${missing.join(', ')}; the page says why.\n` : ''}`;
}

/** What forked guests were to reach. @param {any} results */
export const forkText = ({ answers }) =>
  wantedTable(answers, (what) => /^(fork|preload|by default)\b/.test(what));

/** @param {string[]} files */
export const linksTo = (files) =>
  files.length === 1
    ? `[the numbers](${files[0]})`
    : `the numbers: ${files.map((file, i) => `[${i + 1}](${file})`).join(', ')}`;
