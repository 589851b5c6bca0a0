// A guest that is executed anew: start.cjs, which gets its modules over the data socket.
import t from 'tap';
import { programFor, readModules } from '../../lib/program.js';
import { run } from './helper.js';

const guest = new URL('../../lib/guest/', import.meta.url).pathname;
const flags = ['--max-old-space-size=200'];
const program = programFor(flags).take();

const call = (/** @type {object} */ request, options = {}) =>
  run(request, { input: '1', flags, program, ...options });

t.test('does what bootstrap.cjs does', async (t) => {
  const cases = [
    [{ file: 'handlers', export: 'handleAsync' }, 1],
    [{ file: 'esm/handlers' }, { esm: 1 }],
    [{ file: 'esm/tla.mjs' }, 'after top-level await'],
    [{ file: 'whole.cjs', export: 'default' }, { whole: 1 }],
  ];
  for (const [request, expected] of cases) {
    const given = await call(request);
    t.match(given.data, expected, JSON.stringify(request));
    t.same(given.order, ['mark 1', 'mark 2', 'mark 3', 'result']);
    t.equal(given.unread, 0);
  }
  const advanced = await call(
    { serialization: 'advanced', export: 'handleAsync' },
    { input: '[1]' },
  );
  t.equal(advanced.results.length, 1, 'the codec is imported');
  t.match((await call({ export: 'absent' })).error, { code: 'HANDLER_NOT_FOUND' });
});

t.test('its modules have the names and lines of their files', async (t) => {
  const { error } = await call({ file: 'nowhere.cjs' });
  t.match(error.stack, new RegExp(`\\(${guest}resolve\\.cjs:\\d+:\\d+\\)`));
  const { error: same } = await run({ file: 'nowhere.cjs' }, { input: '1' });
  const lineOf = (/** @type {any} */ { stack }) => /resolve\.cjs:\d+:\d+/.exec(stack)?.[0];
  t.equal(lineOf(error), lineOf(same));
});

t.test('ends at once, unless a library or a profiler may have something to write', async (t) => {
  t.match(await call({}), { code: null, signal: 'SIGKILL' });
  const library = new URL('../../build/Release/sandbox.node', import.meta.url).pathname;
  const loads = `process.dlopen({ exports: {} }, ${JSON.stringify(library)})`;
  const source = `data:text/javascript,export const handle = () => { ${loads}; return 2; }`;
  const fs = await import('node:fs');
  const dir = t.testdir({ 'handler.mjs': source.slice(source.indexOf(',') + 1) });
  t.ok(fs.existsSync(library));
  t.match(await call({ root: dir, file: 'handler.mjs' }), { data: 2, code: 0, signal: null });
  const profiled = ['--cpu-prof', `--cpu-prof-dir=${t.testdirName}`];
  t.match(await call({}, { flags: profiled }), { code: 0, signal: null });
  t.ok(fs.readdirSync(t.testdirName).some((name) => name.endsWith('.cpuprofile')));
});

t.test('sends what V8 made of its modules, and takes it', async (t) => {
  const asked = { file: './compiled.cjs', root: guest, export: 'handle' };
  const first = await call(asked);
  const made = first.data;
  t.match(Object.keys(made).sort(), ['./bootstrap.cjs', './context.cjs', './errors.cjs']);
  const other = programFor(['other']);
  other.complete(Buffer.from(first.results[0]));
  t.ok(other.bytes && other.bytes.length > program.length);
  t.match((await call({}, { program: other.bytes })).data, { input: 1 });
  const tla = await call({ file: 'esm/tla.mjs' }, { program: other.bytes });
  t.equal(tla.data, 'after top-level await');
  t.match((await call({}, { program: other.bytes, flags: ['--max-old-space-size=300'] })).data, {
    input: 1,
  });
});

t.test('no module of it has an import() of its own', async (t) => {
  const modules = [...readModules()];
  t.ok(modules.some(([name]) => name === './resolve.cjs'));
  for (const [name, bytes] of modules)
    t.notMatch(bytes.toString(), /^(?! *(\/\/|\*|\/\*)).*\bimport\(/m, name);
});

t.test('a program that is none', async (t) => {
  for (const bytes of [Buffer.alloc(4), Buffer.from('\xff\0\0\0{', 'latin1')]) {
    const given = await call({}, { program: bytes });
    t.not(given.code, 0);
    t.same(given.order, []);
  }
});
