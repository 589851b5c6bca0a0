// The report as one page that needs nothing else.
import { short, spreadOf, title } from '../print.js';
import { judge } from '../targets.js';
import { absent, charts, machineOf, points, summary } from './data.js';
import { COLORS, KINDS, draw } from './plots.js';

/** Of the plots: one for screens with room, one for phones. */
const [WIDE, NARROW] = [900, 350];

const STYLE = `
:root{${COLORS.light}color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{${COLORS.dark}}}
body{margin:0 auto;max-width:960px;padding:1rem;background:var(--bg);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;line-height:1.2}h2{margin-top:3rem;font-size:1.25rem;line-height:1.3}h3{font-size:1rem;margin-bottom:0}
.summary .scroll :is(th,td):last-child{text-align:left;white-space:normal;min-width:11em}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--soft);text-align:right;vertical-align:top;white-space:nowrap}
th:first-child,td:first-child,.text{text-align:left;white-space:normal}thead th{vertical-align:bottom}thead th:not(:first-child){white-space:normal}
td:first-child{white-space:nowrap}tr.ours td:first-child{font-weight:600}
svg{max-width:100%;height:auto;display:block;background:none}.narrow{display:none}
@media(max-width:560px){.wide{display:none}.narrow{display:block}}
ul.key{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;font-size:.85rem}
ul.key i{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.4em}
summary{cursor:pointer}a{color:inherit}.missed{color:var(--ours);font-weight:600}
`;

/** @param {unknown} text */
const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** @param {any} results */
export function page(results) {
  const { date, quick, machine, answers } = results;
  const names = Object.keys(answers);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Benchmarks of @kb-labs/sandbox</title>
<style>${STYLE}</style>
<h1>Benchmarks of @kb-labs/sandbox</h1>
<p>${escape(date.slice(0, 10))}, on ${escape(machineOf(results))}. Load before ${short(machine.load)},
after ${short(machine.loadAfter)}; ${short(machine.stealPercent)} % of the processors’ time went to other
machines.${quick ? ' <strong>A glance (--quick): too few numbers to rely on.</strong>' : ''}</p>
<p>Every subject has a host process of its own in one process tree, and they are measured in turn, round
after round. A dot is the median (of the medians of a subject’s visits), the band on it the 95 %
interval of that, the grey line reaches to the 95th percentile. One method for all:
<code>bench/README.md</code>.</p>
<ul class="key">${Object.entries(KINDS)
    .map(([kind, text]) => `<li><i style="background:var(--${kind})"></i>${escape(text)}</li>`)
    .join('')}</ul>
<nav><ul>${names.map((name) => `<li><a href="#${name}">${escape(answers[name].question)}</a></li>`).join('')}</ul></nav>
<h2>Summary</h2>
<div class="summary">${summaryTable(results)}</div>
${absentList(results)}
${targetTable(results)}
${names.map((name) => section(results, name)).join('\n')}
</html>
`;
}

/** @param {readonly string[]} head @param {readonly string[]} rows @param {number} [texts] columns */
function table(head, rows, texts = 1) {
  const cells = head.map((cell, i) => `<th${i < texts ? ' class="text"' : ''}>${cell}</th>`);
  return `<div class="scroll"><table><thead><tr>${cells.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

/** @param {string} kind @param {readonly unknown[]} cells @param {number} [texts] */
function line(kind, cells, texts = 1) {
  const all = cells.map((cell, i) => `<td${i < texts ? ' class="text"' : ''}>${escape(cell)}</td>`);
  return `<tr class="${kind}">${all.join('')}</tr>`;
}

/** @param {any} results */
function summaryTable(results) {
  return table(
    [
      '',
      'one run, ms',
      'p95',
      '× fork',
      'runs/s, 8 at once',
      'MB per guest',
      'first run, ms',
      'between it and its host',
    ],
    summary(results).map((/** @type {any} */ one) =>
      line(one.kind, [
        one.version ? `${one.name} ${one.version}` : one.name,
        short(one.latency),
        short(one.p95),
        range(one.times),
        short(one.rate),
        short(one.memory),
        short(one.first),
        one.isolation,
      ]),
    ),
  );
}

/** @param {{ ratio: number, interval?: { low: number, high: number } } | undefined} times */
function range(times) {
  if (!times) return '–';
  return times.ratio === 1 ? '1' : short(times.ratio) + spreadOf(times);
}

/** @param {any} results */
function absentList(results) {
  const items = absent(results).map(
    ({ name, reason }) => `<li><strong>${escape(name)}</strong>: ${escape(reason)}</li>`,
  );
  return items.length ? `<h3>Missing here</h3><ul>${items.join('')}</ul>` : '';
}

/** @param {any} results */
function targetTable({ answers }) {
  const rows = Object.entries(/** @type {Record<string, any>} */ (answers)).flatMap(
    ([name, { targets }]) =>
      targets.map((/** @type {import('../measure.js').Target} */ target) => {
        const { what, value, unit, atLeast } = target;
        const { met, sure } = judge(target);
        const wanted = `${atLeast ? '≥' : '≤'} ${target.target} ${unit}`;
        // The verdict comes before the numbers, so that phones show it.
        const texts = [name, what].map((cell) => `<td class="text">${escape(cell)}</td>`);
        const verdict = `${met ? 'met' : 'missed'}${sure ? '' : ', within the noise'}`;
        const figures = [`${short(value)}${spreadOf(target)} ${unit}`, wanted];
        return (
          `<tr>${texts.join('')}<td class="text${met ? '' : ' missed'}">${verdict}</td>` +
          `${figures.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`
        );
      }),
  );
  if (rows.length === 0) return '';
  return `<h2>What was wanted</h2>${table(['question', 'what', '', 'measured', 'wanted'], rows, 3)}`;
}

/** @param {any} results @param {string} name */
function section(results, name) {
  const { question, unit, better, method, x, missing, notes = [] } = results.answers[name];
  const drawn = charts(results, name).map((chart) => {
    const options = { unit: unitOf(chart.title, unit), better, x };
    const heading = chart.title ? `<h3>${escape(capital(chart.title))}</h3>` : '';
    return (
      `${heading}<div class="wide">${draw(chart, { ...options, width: WIDE })}</div>` +
      `<div class="narrow">${draw(chart, { ...options, width: NARROW })}</div>`
    );
  });
  const absentHere = missing.map(
    (/** @type {any} */ one) =>
      `<li>${escape(title(one.subject, one.case))}: ${escape(one.reason)}</li>`,
  );
  return `<h2 id="${name}">${escape(question)}</h2>
<p>In ${escape(unit)}; ${better} is better. ${escape(method ?? '')}</p>
${drawn.join('\n')}
${notes.length ? `<ul>${notes.map((/** @type {string} */ note) => `<li>${escape(note)}</li>`).join('')}</ul>` : ''}
<details><summary>Numbers${absentHere.length ? `, and ${absentHere.length} missing` : ''}</summary>
${numbers(results, name)}
${absentHere.length ? `<p>Missing:</p><ul>${absentHere.join('')}</ul>` : ''}
</details>`;
}

/** Where a question has several units, a chart's title tells which. @param {string} of @param {string} unit */
function unitOf(of, unit) {
  if (!unit.includes(' or ')) return unit;
  return /, (ms|MB|µs)$/.exec(of)?.[1] ?? 'count';
}

/** @param {string} text */
const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** @param {any} results @param {string} name */
function numbers(results, name) {
  const { x } = results.answers[name];
  const head = ['', ...(x ? [escape(x)] : []), 'median', '95 % interval', 'p95', 'numbers'];
  const rows = points(results, name).map((point) =>
    line(point.kind, [
      point.case === undefined ? point.name : `${point.name}: ${point.case}`,
      ...(x ? [point.at] : []),
      short(point.value),
      point.interval ? `${short(point.interval.low)} – ${short(point.interval.high)}` : '–',
      short(point.p95),
      point.count,
    ]),
  );
  return table(head, rows);
}
