// SPDX-License-Identifier: MIT
// docs/security.md, "What bounds a guest": the table has a row for everything that a guest can say or
// take, no empty cell, and names tests that exist.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parseConfig } from '../lib/config.js';
import kinds from '../lib/guest/kinds.cjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (/** @type {string} */ file) => fs.readFileSync(path.join(root, file), 'utf8');

const COLUMNS = ['thing', 'per run', 'per runner', 'the host pays at most', 'shown by'];
/** Options that bound nothing that a guest takes: how guests are started, what they may reach. */
const NO_BOUNDS = ['cgroup', 'preload', 'preloadTimeoutMs', 'spares', 'graceMs'];

function tableOf(/** @type {string} */ text) {
  const [, section] = text.split('\n## What bounds a guest\n');
  const lines = section.split('\n## ')[0].split('\n');
  const cells = (/** @type {string} */ line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const table = lines.filter((line) => line.startsWith('|')).map(cells);
  return { header: table[0], rows: table.slice(2) };
}

const { header, rows } = tableOf(read('docs/security.md'));

t.same(header, COLUMNS, 'the table has its five columns');
t.ok(rows.length >= 40, 'and a row for each thing');

t.test('no cell is empty', (t) => {
  for (const row of rows) {
    t.equal(row.length, COLUMNS.length, `${row[0]}: five cells`);
    for (const [index, cell] of row.entries())
      t.match(cell, /\w/, `${row[0]}: ${COLUMNS[index]} is filled in`);
  }
  t.end();
});

t.test('what nothing bounds says why, and how to bound it from outside', (t) => {
  for (const [thing, ...cells] of rows)
    for (const cell of cells)
      if (/not at all/i.test(cell)) t.match(cell, /because .*; from outside: /, thing);
  t.end();
});

t.test('what is said to show it is there', (t) => {
  for (const [thing, , , , shown] of rows) {
    const named = [...shown.matchAll(/`([\w./-]+)`(?:: “([^”]+)”)?/g)];
    t.ok(named.length > 0, `${thing}: names a test`);
    for (const [, file, title] of named) {
      const at = file.startsWith('bench/') ? file : `test/${file}`;
      t.ok(fs.existsSync(path.join(root, at)), `${thing}: ${at} exists`);
      if (title) t.ok(read(at).includes(title), `${thing}: ${at} has “${title}”`);
    }
  }
  t.end();
});

const things = rows.map(([thing]) => thing).join('\n');

t.test('each frame that a guest sends has a row', (t) => {
  const [, fromGuest] = read('src/core/frame.h').split('/* guest -> host */');
  const frames = fromGuest.split('};')[0].matchAll(/SBX_FRAME_(\w+) =/g);
  for (const [, name] of frames) t.ok(things.includes(`\`${name}\``), name);
  for (const name of Object.keys(kinds.MESSAGE)) t.ok(things.includes(`\`${name}\``), name);
  t.end();
});

t.test('each limit of the configuration has its place', (t) => {
  const { execution } = parseConfig({});
  const optional = ['cpuMs', 'queueTimeoutMs', 'maxFileSizeMb'];
  const text = rows.flat().join('\n');
  for (const name of [...Object.keys(execution), ...optional])
    if (!NO_BOUNDS.includes(name)) t.ok(text.includes(`\`${name}\``), `execution.${name}`);
  t.end();
});
