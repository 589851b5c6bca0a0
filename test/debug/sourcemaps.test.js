import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import ts from 'typescript';
import { project, sandbox } from '../run/helper.js';

const source = `interface Input {
  fail: boolean;
}

type Output = number;

function check(input: Input): void {
  if (input.fail) throw new Error('the check failed');
}

export async function handle(input: Input): Promise<Output> {
  await null;
  check(input);
  return 1;
}
`;
const at = { line: 8, column: 25 }; // of `new Error`
const called = { line: 13, column: 3 };

/**
 * What a compiler makes of it.
 *
 * @param {Partial<import('typescript').CompilerOptions>} options
 * @param {string} [fileName]
 */
function compile(options, fileName = 'handler.ts') {
  const { outputText, sourceMapText } = ts.transpileModule(source, {
    fileName,
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, ...options },
  });
  return { code: outputText, map: String(sourceMapText) };
}

/** @param {any} result @param {string} file */
function expectSource(t, result, file) {
  t.match(result, { ok: false, error: { code: 'HANDLER_ERROR', message: 'the check failed' } });
  const [, first, second] = result.error.stack.split('\n');
  t.equal(first.trim(), `at check (${file}:${at.line}:${at.column})`);
  t.match(second, `(${file}:${called.line}:${called.column})`);
}

const ways = [
  ['spawn', { startup: 'spawn' }],
  ['fork', { startup: 'fork' }],
  ['in-process', { mode: 'inprocess' }],
];
for (const [name, config] of /** @type {any[]} */ (ways)) {
  t.test(`a stack points at the source, ${name}`, async (t) => {
    const runner = sandbox(t, config);
    const run = (/** @type {string} */ workdir, file = './handler.mjs') =>
      runner.run({ file, export: 'handle' }, { fail: true }, { requestId: 'm', workdir });

    const inline = compile({ inlineSourceMap: true });
    const one = project(t, { 'handler.mjs': inline.code, 'handler.ts': source });
    expectSource(t, await run(one), path.join(one, 'handler.ts'));

    const external = compile({ sourceMap: true });
    const two = project(t, {
      'dist/handler.mjs': external.code.replace('handler.js.map', 'maps/handler.mjs.map'),
      'dist/maps/handler.mjs.map': JSON.stringify({
        ...JSON.parse(external.map),
        sourceRoot: '../../src',
      }),
      'src/handler.ts': source,
    });
    expectSource(t, await run(two, './dist/handler.mjs'), path.join(two, 'src/handler.ts'));

    const common = compile({ sourceMap: true, module: ts.ModuleKind.CommonJS });
    const three = project(t, {
      'handler.cjs': common.code,
      'handler.js.map': common.map,
    });
    expectSource(t, await run(three, './handler.cjs'), path.join(three, 'handler.ts'));
  });

  t.test(`without a map that can be read, it is as it was, ${name}`, async (t) => {
    const runner = sandbox(t, config);
    const { code, map } = compile({ sourceMap: true });
    const url = (/** @type {string} */ to) => code.replace('handler.js.map', to);
    const cases = {
      absent: { 'handler.mjs': code },
      'no JSON': { 'handler.mjs': code, 'handler.js.map': '{' },
      'another JSON': { 'handler.mjs': code, 'handler.js.map': '[1]' },
      'bad mappings': {
        'handler.mjs': code,
        'handler.js.map': JSON.stringify({ ...JSON.parse(map), mappings: 7 }),
      },
      'a directory': { 'handler.mjs': url('.') },
      'the web': { 'handler.mjs': url('http://127.0.0.1:1/handler.js.map') },
      'a broken URL': { 'handler.mjs': url('data:application/json;base64,$$$') },
      'no comment': { 'handler.mjs': code.replace(/\/\/# source.*/, '') },
    };
    for (const [what, files] of Object.entries(cases)) {
      const workdir = project(t, files);
      const result = await runner.run(
        { file: './handler.mjs', export: 'handle' },
        { fail: true },
        {
          requestId: 'm',
          workdir,
        },
      );
      t.match(result, { ok: false, error: { code: 'HANDLER_ERROR', message: 'the check failed' } });
      t.match(result.error.stack, /\(.*\/handler\.mjs:\d+:\d+\)/, what);
    }
  });
}

t.test('a map that the guest may not read is none', async (t) => {
  const secret = project(t, { 'handler.js.map': compile({ sourceMap: true }).map });
  const { code } = compile({ sourceMap: true });
  const workdir = project(t, {
    'handler.mjs': code.replace('handler.js.map', `${secret}/handler.js.map`),
  });
  for (const startup of /** @type {const} */ (['spawn', 'fork'])) {
    const closed = await sandbox(t, { startup }).run(
      { file: './handler.mjs', export: 'handle' },
      { fail: true },
      { requestId: 'm', workdir },
    );
    t.match(closed.error.stack, /handler\.mjs:\d+/);
    t.notMatch(closed.error.stack, /handler\.ts/);
    const open = await sandbox(t, {
      startup,
      permissions: { filesystem: { allow: [secret], readOnly: true } },
    }).run(
      { file: './handler.mjs', export: 'handle' },
      { fail: true },
      { requestId: 'm', workdir },
    );
    t.match(open.error.stack, `${path.join(secret, 'handler.ts')}:${at.line}`);
  }
  t.ok(fs.existsSync(secret));
});

t.test(
  'an uncaught exception, too; and a handler that breaks what reading a map takes',
  async (t) => {
    const { code } = compile({ inlineSourceMap: true });
    const workdir = project(t, {
      'handler.mjs': code.replace(
        'await null;',
        'await null; setTimeout(() => check({ fail: true })); return new Promise(() => {});',
      ),
      'hostile.mjs': `import { handle as inner } from './plain.mjs';
      import Module from 'node:module';
      export async function handle(input) {
        String.prototype.split = RegExp.prototype.exec = JSON.parse = Array.prototype.join = () => { throw new Error('mine'); };
        Module.SourceMap = class { findEntry() { for (;;); } };
        return inner(input);
      }`,
      'plain.mjs': code,
    });
    const runner = sandbox(t);
    const ctx = { requestId: 'm', workdir };
    const late = await runner.run({ file: './handler.mjs', export: 'handle' }, { fail: true }, ctx);
    t.match(late.error.stack, 'handler.ts:8:');
    const hostile = await runner.run(
      { file: './hostile.mjs', export: 'handle' },
      { fail: true },
      ctx,
    );
    t.match(hostile, { ok: false });
  },
);
