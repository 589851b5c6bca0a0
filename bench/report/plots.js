// Charts as SVG.
import { short } from '../print.js';

/** Not there when the types are checked. */
const [PLOT, DOM] = ['@observablehq/plot', 'linkedom'];
/** @type {any} */
const Plot = await import(PLOT);
const { parseHTML } = await import(DOM);

export const KINDS = {
  ours: 'this package',
  confined: 'a process that is confined',
  process: 'a process',
  thread: 'a thread of the host',
  heap: 'a heap of its own in the host',
  none: 'nothing between it and the host',
};

const LIGHT = 'color:#1f2933;--bg:#fff;--soft:#cbd2d9;--ours:#c2410c;--confined:#0f766e;';
const DARK = 'color:#e4e7eb;--bg:#12161c;--soft:#3e4c59;--ours:#fb923c;--confined:#2dd4bf;';
/** Both schemes of colours, for pages and for pictures that stand alone. */
export const COLORS = {
  light: `${LIGHT}--process:#1d4ed8;--thread:#7e22ce;--heap:#a16207;--none:#64748b;`,
  dark: `${DARK}--process:#60a5fa;--thread:#c084fc;--heap:#facc15;--none:#94a3b8;`,
};
const color = (/** @type {{ kind: string }} */ { kind }) => `var(--${kind})`;

const LINE = 13;
/** Of letters, where there is room and on a phone. @param {number} width */
const fontOf = (width) => (width < 500 ? 10.5 : 12);
/** Pixels that a letter takes, on average and with some room. @param {number} width */
const letterOf = (width) => fontOf(width) * 0.56;

/**
 * @param {import('./data.js').Chart} chart
 * @param {{ unit: string, better?: string, x?: string, width: number }} options
 * @returns {string} SVG
 */
export function draw(chart, options) {
  return chart.lines ? drawLines(chart, options) : drawDots(chart, options);
}

/** @param {any} options @returns {any} */
function plot(options) {
  const { document } = parseHTML('<!doctype html><body></body>');
  return Plot.plot({
    document,
    style: {
      fontFamily: 'system-ui, sans-serif',
      fontSize: `${fontOf(options.width)}px`,
    },
    ...options,
  });
}

/** Numbers that differ by much are told apart on a logarithmic scale alone. @param {number[]} values */
function scaleOf(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (least <= 0 || most / least < 15) return { type: 'linear', zero: true, nice: true };
  return { type: 'log', domain: [least / 1.3, most * 1.3] };
}

/** What is written at the ticks. @param {number} n */
const tick = (n) =>
  n >= 1e6 ? `${n / 1e6}M` : n >= 1e3 ? `${n / 1e3}k` : String(Number(n.toPrecision(3)));

/** Powers of ten, and what is between them where there is room. @param {[number, number]} domain */
function logTicks([low, high]) {
  const decades = Math.log10(high / low);
  const factors = decades > 3 ? [1] : decades > 1.5 ? [1, 3] : [1, 2, 5];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const factor of factors) {
      const at = factor * 10 ** power;
      if (at >= low && at <= high) ticks.push(at);
    }
  return ticks;
}

/**
 * An axis with these ticks. (Left to itself, a logarithmic one drops the labels of some.)
 *
 * @param {'x' | 'y'} side
 * @param {any} scale
 * @param {{ label?: string, grid?: boolean, most?: number, ticks?: (number | undefined)[] }} options
 * @returns {any[]} marks
 */
function axis(
  side,
  scale,
  { label, grid, most = 5, ticks = scale.domain && logTicks(scale.domain) },
) {
  const [axisOf, gridOf] = side === 'x' ? [Plot.axisX, Plot.gridX] : [Plot.axisY, Plot.gridY];
  const shown = ticks
    ? [axisOf(ticks, { label, text: tick })]
    : [axisOf({ label, ticks: most, tickFormat: tick })];
  if (!grid) return shown;
  return [ticks ? gridOf(ticks) : gridOf({ ticks: most }), ...shown];
}

/** @param {import('./data.js').Chart} chart @param {{ unit: string, better?: string, width: number }} options */
function drawDots({ points }, { unit, better, width }) {
  const sorted = [...points].sort((a, b) => (better === 'higher' ? -1 : 1) * (a.value - b.value));
  const x = scaleOf(sorted.flatMap(({ value, p95 }) => [value, p95]));
  const y = 'label';
  const spread = sorted.filter(({ interval }) => interval);
  const longest = Math.max(...sorted.map(({ label }) => label.length));
  const svg = plot({
    width,
    height: 20 * sorted.length + 60,
    marginLeft: longest * letterOf(width) + 14,
    marginRight: 56,
    marginTop: 10,
    marginBottom: 40,
    x: { ...x, axis: null },
    y: { label: null, domain: sorted.map(({ label }) => label), tickSize: 0 },
    marks: [
      ...axis('x', x, { label: unit, grid: true, most: width < 500 ? 2 : 6 }),
      Plot.link(sorted, { x1: 'value', x2: 'p95', y, stroke: 'var(--soft)', strokeWidth: 2 }),
      Plot.tickX(sorted, { x: 'p95', y, stroke: 'var(--soft)', strokeWidth: 2, inset: 4 }),
      Plot.link(spread, {
        x1: (/** @type {any} */ d) => d.interval.low,
        x2: (/** @type {any} */ d) => d.interval.high,
        y,
        stroke: color,
        strokeWidth: 4,
        strokeOpacity: 0.5,
      }),
      Plot.dot(sorted, { x: 'value', y, fill: color, r: 4.5 }),
      Plot.text(sorted, {
        x: (/** @type {any} */ d) => Math.max(d.value, d.p95, d.interval?.high ?? 0),
        y,
        text: (/** @type {any} */ d) => short(d.value),
        dx: 8,
        textAnchor: 'start',
        fill: 'currentColor',
        clip: false,
      }),
    ],
  });
  return finish(svg);
}

/** @param {import('./data.js').Chart} chart @param {{ unit: string, x?: string, width: number }} options */
function drawLines({ points }, { unit, x: label, width }) {
  const x = scaleOf(points.map(({ at }) => Number(at)).filter((at) => at > 0));
  const y = scaleOf(points.map(({ value }) => value));
  // Zero runs have no place on a logarithmic scale.
  const shown = x.type === 'log' ? points.filter(({ at }) => Number(at) > 0) : points;
  const ends = [...new Map(shown.map((point) => [point.label, point])).values()];
  const longest = Math.max(...ends.map(({ label: text }) => text.length));
  const options = {
    width,
    height: Math.max(260, ends.length * LINE + 90),
    marginLeft: 46,
    marginRight: longest * letterOf(width) + 16,
    marginBottom: 40,
    marginTop: 30,
    x: { ...x, axis: null },
    y: { ...y, axis: null },
  };
  const places = [...new Set(shown.map(({ at }) => at))];
  const marks = [
    ...axis('x', x, {
      label,
      most: width < 500 ? 3 : 6,
      ...(x.type === 'log' && places.length < 8 && { ticks: places }),
    }),
    ...axis('y', y, { label: unit, grid: true }),
    Plot.line(shown, {
      x: 'at',
      y: 'value',
      z: 'label',
      stroke: color,
      strokeWidth: (/** @type {any} */ d) => (d.kind === 'ours' ? 2.5 : 1.2),
    }),
    Plot.dot(shown, { x: 'at', y: 'value', fill: color, r: 2.5 }),
  ];
  // Once for the scale, once with the names where they do not cover each other.
  const scale = plot({ ...options, marks }).scale('y');
  const labels = apart(ends, (point) => scale.apply(point.value), [30, options.height - 40]);
  marks.push(
    Plot.text(labels, {
      frameAnchor: 'right',
      y: (/** @type {any} */ d) => scale.invert(d.pixel),
      text: (/** @type {any} */ d) => d.point.label,
      fill: (/** @type {any} */ d) => color(d.point),
      dx: 8,
      textAnchor: 'start',
    }),
  );
  return finish(plot({ ...options, y: { ...options.y, domain: scale.domain }, marks }));
}

/**
 * Pixels for labels, in order and a line apart, as near as that allows to where they belong.
 *
 * @template T
 * @param {T[]} points
 * @param {(point: T) => number} pixelOf
 * @param {[number, number]} bounds
 * @returns {{ point: T, pixel: number }[]}
 */
function apart(points, pixelOf, [top, bottom]) {
  const places = points
    .map((point) => ({ point, pixel: pixelOf(point) }))
    .sort((a, b) => a.pixel - b.pixel);
  let last = top - LINE;
  for (const place of places) last = place.pixel = Math.max(place.pixel, last + LINE);
  let next = bottom + LINE;
  for (const place of places.toReversed()) next = place.pixel = Math.min(place.pixel, next - LINE);
  return places;
}

/** @param {any} svg */
function finish(svg) {
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('role', 'img');
  return svg.outerHTML;
}

/** A picture that stands alone, as in a README, follows its reader's scheme. @param {string} svg */
export function standAlone(svg) {
  const style =
    `<style>svg{${COLORS.light}background:var(--bg)}` +
    `@media(prefers-color-scheme:dark){svg{${COLORS.dark}}}</style>`;
  return `${svg.replace(/>/, `>${style}`)}\n`;
}
