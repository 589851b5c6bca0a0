// What a handler reference means: which file, how it is loaded, which of its exports is called.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { fixtures, run } from './helper.js';

/** @param {object} request @param {unknown} [input] */
const call = (request, input = 1) => run(request, { input: JSON.stringify(input) });

t.test('calls the handler with the input and the context, and marks each phase', async (t) => {
  const r = await run({}, { input: '{"a":[1]}' });
  t.same(r.order, ['mark 1', 'mark 2', 'mark 3', 'result']);
  t.same(r.data.input, { a: [1] });
  t.equal(r.data.ctx.requestId, 'r1');
  const [boot, load, execute] = r.marks.map((mark) => mark.time);
  t.ok(boot <= load && load <= execute && Math.abs(Date.now() - boot) < 60_000);
  t.equal(r.unread, 0);
  t.equal(r.code, 0);
});

t.test('loads CommonJS and ES modules, in each form of export', async (t) => {
  const cases = [
    [{ file: 'handlers', export: 'handleAsync' }, 1],
    [{ file: 'esm/handlers' }, { esm: 1 }],
    [{ file: 'esm/handlers.mjs', export: 'member' }, { member: 1 }],
    [{ file: 'esm/default.mjs', export: 'default' }, { default: 1 }],
    [{ file: 'esm/tla.mjs' }, 'after top-level await'],
    [{ file: 'ambiguous.js' }, 'ambiguous'],
    [{ file: 'whole.cjs', export: 'default' }, { whole: 1 }],
    [{ file: 'transpiled.cjs' }, 'transpiled'],
    [{ file: 'instance.cjs' }, 7],
    [{ file: 'then.cjs' }, 'has then'],
    [{ file: 'built' }, 'built'],
    [{ file: path.join(fixtures, 'dist', 'built'), root: '/' }, 'built'],
    [
      { file: pathToFileURL(path.join(fixtures, 'whole.cjs')).href, export: 'default' },
      { whole: 1 },
    ],
  ];
  for (const [request, expected] of cases) {
    const r = await call(/** @type {object} */ (request));
    t.same(r.data, expected, JSON.stringify(request));
  }
});

t.test('a handler is a module like any other', async (t) => {
  const text = `
    exports.handle = () => ({
      main: require.main === module,
      parent: Boolean(module.parent),
      cached: require.cache[__filename] === module && require(__filename) === exports,
      file: [__filename, module.id, module.filename, module.paths[0], module.loaded],
    });`;
  const dir = fs.realpathSync(
    t.testdir({
      real: { 'package.json': '{}', 'h.cjs': text, 'h.js': text },
      link: t.fixture('symlink', 'real'),
    }),
  );
  const directory = path.join(dir, 'real');
  for (const name of ['h.cjs', 'h.js'])
    for (const from of [directory, path.join(dir, 'link')]) {
      const file = path.join(directory, name);
      const { data } = await call({ file: path.join(from, name), root: '/' });
      t.same(data, {
        main: false,
        parent: true,
        cached: true,
        file: [file, file, file, path.join(directory, 'node_modules'), true],
      });
    }
});

t.test('leaves TypeScript to Node.js', async (t) => {
  const r = await call({ file: 'typed.ts' }, { n: 5 });
  if (r.errors.length > 0) t.equal(r.error.details.code, 'ERR_UNKNOWN_FILE_EXTENSION');
  else t.equal(r.data, 5);
});

t.test('HANDLER_NOT_FOUND says what was tried', async (t) => {
  const missing = await call({ file: 'no-such-handler' });
  t.equal(missing.error.code, 'HANDLER_NOT_FOUND');
  t.same(
    missing.error.details.tried,
    ['', 'dist'].flatMap((folder) =>
      ['', '.js', '.mjs', '.cjs'].map((end) =>
        path.join(fixtures, folder, `no-such-handler${end}`),
      ),
    ),
  );
  t.same(missing.order, ['error'], 'before the first mark: nothing was loaded');

  const absolute = await call({ file: '/no-such-folder/handler.js' });
  t.equal(absolute.error.details.tried.length, 4);

  const directory = await call({ file: 'directory' });
  t.equal(directory.error.code, 'HANDLER_NOT_FOUND');
  t.match(directory.error.message, /is a directory/);

  const device = await call({ file: '/dev/null' });
  t.match(device.error.message, /is not a regular file/);

  const under = await call({ file: 'handlers.cjs/more' });
  t.equal(under.error.code, 'HANDLER_NOT_FOUND');

  const url = await call({ file: 'file://elsewhere/x.js' });
  t.equal(url.error.code, 'HANDLER_NOT_FOUND');
  t.match(url.error.message, /no file URL/);
});

t.test('HANDLER_NOT_FOUND says which exports there are', async (t) => {
  const esm = await call({ file: 'esm/handlers.mjs', export: 'other' });
  t.equal(esm.error.code, 'HANDLER_NOT_FOUND');
  t.same(esm.error.details.exports, ['default', 'handle', 'member', 'value']);

  const inherited = await call({ file: 'handlers.cjs', export: 'toString' });
  t.equal(inherited.error.code, 'HANDLER_NOT_FOUND', 'what every object has is no export');

  for (const [name, type] of [
    ['notFunction', 'number'],
    ['nothing', 'null'],
  ]) {
    const r = await call({ export: name });
    t.equal(r.error.code, 'HANDLER_NOT_FOUND');
    t.equal(r.error.details.type, type);
  }
  const member = await call({ file: 'esm/handlers.mjs', export: 'value' });
  t.equal(member.error.details.type, 'number');
  const none = await call({ file: 'throws-nothing.cjs', export: 'default' });
  t.equal(none.error.code, 'HANDLER_NOT_FOUND');
});

t.test('a handler that cannot be loaded is a HANDLER_ERROR of that phase', async (t) => {
  const cases = {
    'syntax.cjs': { name: 'SyntaxError' },
    'esm/syntax.mjs': { name: 'SyntaxError' },
    'esm/import.mjs': { details: { code: 'ERR_MODULE_NOT_FOUND' } },
    'require.cjs': { details: { code: 'MODULE_NOT_FOUND' } },
    'throws.cjs': { message: /null/ },
    'getter.cjs': { message: 'export getter' },
  };
  for (const [file, expected] of Object.entries(cases)) {
    const { error, order } = await call({ file });
    t.match(error, { code: 'HANDLER_ERROR', details: { phase: 'load' }, ...expected }, file);
    t.same(order, ['mark 1', 'error'], file);
  }
});

t.test('a top-level await that never settles, and an exit while loading, are told', async (t) => {
  const never = await call({ file: 'esm/never.mjs' });
  t.match(never.notices, [{ kind: 'dry', phase: 'load' }]);
  t.same(never.errors, []);
  const exits = await call({ file: 'exits.cjs' });
  t.same(exits.notices, [{ kind: 'exit', code: 3, phase: 'load' }]);
  t.equal(exits.code, 3);
});

t.test('gives the process its own arguments and the names that exec may not see', async (t) => {
  const r = await run(
    { export: 'process', env: { NODE_OPTIONS: '--no-such-flag', LD_PRELOAD: '/x' } },
    { env: { MINE: '1' }, flags: ['--no-warnings'] },
  );
  t.same(r.data.argv.slice(1), [path.join(fixtures, 'handlers.cjs')]);
  t.match(r.data.env, { NODE_OPTIONS: '--no-such-flag', LD_PRELOAD: '/x', MINE: '1' });
  t.equal(path.resolve(r.data.cwd), path.resolve(fixtures));
});

t.test('an input that is no JSON is an error of the load phase', async (t) => {
  const r = await run({}, { input: '{' });
  t.match(r.error, { code: 'HANDLER_ERROR', name: 'SyntaxError', details: { phase: 'load' } });
});

t.test('a file that the host has found is not looked for', async (t) => {
  const found = path.join(fixtures, 'whole.cjs');
  t.same((await call({ file: './elsewhere', found, export: 'default' })).data, { whole: 1 });
});

t.test('a file that has gone since the host found it is looked for as ever', async (t) => {
  const found = path.join(fixtures, 'gone.cjs');
  t.same((await call({ file: 'whole.cjs', found, export: 'default' })).data, { whole: 1 });
  const { error } = await call({ file: 'gone.cjs', found });
  t.equal(error.code, 'HANDLER_NOT_FOUND');
});
