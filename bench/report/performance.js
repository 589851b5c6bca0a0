// The part of docs/performance.md that comes from the results.
import fs from 'node:fs';
import path from 'node:path';
import { short } from '../print.js';
import { absent, machineOf } from './data.js';
import { linksTo } from './readme.js';
import { cells, wantedTable } from './wanted.js';

/** What was wanted, and what was measured. @param {any} results @param {string[]} files as seen from docs/ */
export function performanceText(results, files) {
  const { machine, date, answers } = results;
  const missing = absent(results).map(({ name, reason }) => `\n* ${name}: ${reason}`);
  return `Measured ${date.slice(0, 10)} on ${machineOf(results)}; load before ${short(machine.load)}, ${short(
    machine.stealPercent,
  )} % of
the processors' time went to other machines. In brackets the 95 % interval. [All plots and
tables](../bench/report.html), ${linksTo(files)}.

${wantedTable(answers)}${missing.length ? `\nMissing there:\n${missing.join('')}\n` : ''}`;
}

/**
 * The long ones have results of their own: the newest of each kind.
 *
 * @param {string} directory
 */
export function longText(directory) {
  const lines = Object.entries(LONG).flatMap(([kind, linesOf]) => {
    const file = fs
      .readdirSync(directory)
      .filter((name) => name.replace(/\d.*/, '') === `${kind}-`)
      .sort()
      .at(-1);
    if (!file) return [cells(kind, 'not run', '–', '–', '')];
    const found = JSON.parse(fs.readFileSync(path.join(directory, file), 'utf8'));
    const link = `[${kind}](../bench/results/${file})`;
    return linesOf(found).map(([what, measured, wanted, met]) =>
      cells(link, what, measured, wanted, met ? 'met' : '**missed**'),
    );
  });
  return `| question | what | measured | wanted | |
| --- | --- | --- | --- | --- |
${lines.join('\n')}
`;
}

/** @type {Record<string, (found: any) => [what: string, measured: string, wanted: string, met: boolean][]>} */
const LONG = {
  growth({ options, seen, verdicts = [], reasons }) {
    const last = seen.at(-1);
    const { startup, concurrency, runs } = options;
    const of = `${startup}, ${last.runs} runs${last.runs < runs ? ` of ${runs}` : ''}, ${concurrency} at once`;
    return [
      [`${of}: without a result`, String(last.failed), '0', last.failed + reasons.length === 0],
      ...verdicts.map((/** @type {any} */ { what, grown, most }) => [
        `${of}: ${what}, grown`,
        short(grown),
        `≤ ${most}`,
        grown <= most,
      ]),
    ];
  },
  siblings,
  'siblings-same-pid': siblings,
  network({ options, crowd, calm, flooded, times }) {
    const { guests, connections, concurrency } = options;
    const lag = flooded.lagMs - calm.lagMs;
    return [
      [
        `${guests} guests × ${connections} connections, ${concurrency} at once: errors`,
        String(crowd.errors.length),
        '0',
        crowd.errors.length === 0,
      ],
      [
        `a connection next to a guest that makes ${short(flooded.perSecond)} a second, of alone`,
        `${short(times)} × (${short(flooded.connectUs)} µs)`,
        '≤ 2 ×',
        times <= 2,
      ],
      ['the host’s event loop is later by', `${short(lag)} ms`, '≤ 1 ms', lag <= 1],
    ];
  },
};

/** @param {any} found @returns {[string, string, string, boolean][]} */
function siblings({ options, distinct, repeated, failed }) {
  const { guests, startup, samePid } = options;
  const names = Object.keys(distinct).join('; ');
  const of = `${guests} guests of one zygote (${startup})${samePid ? ', all with one pid' : ''}`;
  return [
    [`${of}, repeated: ${names}`, String(repeated.length), '0', repeated.length + failed === 0],
  ];
}
