// A module that cannot be parsed says where, in every mode: the commonest failure of code that was written
// just now.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { project, sandbox } from './helper.js';

const HANDLE = 'export const handle = () => 1;\n';
const BROKEN = `const a = 1;\nconst b = {;\n${HANDLE}`;

const files = {
  'own.mjs': BROKEN,
  'imports.mjs': `import './lib/second.mjs';\n${HANDLE}`,
  'lib/second.mjs': BROKEN,
  'late.mjs': "export const handle = async () => { await import('./lib/third.mjs'); };\n",
  'lib/third.mjs': BROKEN,
  'name.mjs': `\n  import { nope } from 'node:fs';\n${HANDLE}`,
  'named.mjs': `import { nope } from './lib/some.cjs';\n${HANDLE}`,
  'lib/some.cjs': "module.exports = { ['some']: 1 };\n",
  'common.cjs': 'const a = 1;\nconst b = {;\n',
  'long.mjs': `${'x;'.repeat(300_000)}{;`,
  'json.cjs': "require('./lib/bad.json');\n",
  'lib/bad.json': '{"a":\n;}',
  'mine.mjs':
    "export const handle = () => { throw new SyntaxError('/tmp/forged.mjs:7 is not so'); };\n",
  'parsed.mjs': "export const handle = () => JSON.parse('{');\n",
};

/** What each is to say: the file, its line, the column, and the line as it is shown. */
const expected = {
  'own.mjs': ['own.mjs', 2, 12, 'const b = {;\n           ^'],
  'imports.mjs': ['lib/second.mjs', 2, 12, 'const b = {;\n           ^'],
  'late.mjs': ['lib/third.mjs', 2, 12, 'const b = {;\n           ^'],
  'name.mjs': ['name.mjs', 2, 12, "  import { nope } from 'node:fs';\n           ^^^^"],
  'named.mjs': ['named.mjs', 1, 10, "import { nope } from './lib/some.cjs';\n         ^"],
  'common.cjs': ['common.cjs', 2, 12, 'const b = {;\n           ^'],
  'long.mjs': ['long.mjs', 1, undefined, 'x;x;x;x;'],
};

const modes = { 'in a subprocess': {}, 'in-process': { mode: /** @type {const} */ ('inprocess') } };

for (const [mode, config] of Object.entries(modes)) {
  t.test(mode, async (t) => {
    const dir = fs.realpathSync(project(t, files));
    const runner = sandbox(t, config);
    const errorOf = async (/** @type {string} */ file) => {
      const handler = { file: `./${file}`, export: 'handle' };
      const result = await runner.run(handler, null, { requestId: 'r', workdir: dir });
      t.equal(result.ok, false, file);
      return result.ok ? undefined : result.error;
    };

    for (const [file, [name, line, column, shown]] of Object.entries(expected)) {
      const error = await errorOf(file);
      const place = path.join(dir, String(name));
      t.match(error, { code: 'HANDLER_ERROR', name: 'SyntaxError' }, file);
      t.ok(error?.message.includes(` (${place}:${line})`), `${file}: the message says where`);
      t.match(error?.details, { file: place, line }, `${file}: the details say where`);
      t.equal(error?.details?.column, column, `${file}: the column`);
      const begins = `${place}:${line}\n${shown}`;
      t.equal(error?.stack?.slice(0, begins.length), begins, `${file}: the stack begins with it`);
      t.match(error?.stack, /\nSyntaxError: /, `${file}: the stack has the rest`);
    }
    const json = await errorOf('json.cjs');
    t.match(json?.message, path.join(dir, 'lib/bad.json'), 'JSON: the message has the file');
    t.equal(json?.details?.file, path.join(dir, 'lib/bad.json'));

    t.equal((await errorOf('mine.mjs'))?.details?.file, undefined, 'none of a syntax error');
    const parsed = await errorOf('parsed.mjs');
    t.equal(parsed?.details?.file, undefined, 'none of a module');
    t.notMatch(parsed?.stack, 'kb-sandbox: error', 'its stack is as it was');
    t.notOk(Object.hasOwn(globalThis, 'kb-sandbox: error'), 'nothing is left behind');
  });
}
