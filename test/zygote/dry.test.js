// What V8 would leave to threads of the runtime, which a fork has none of, keeps no guest alive: neither
// one that runs dry nor a worker that has nothing left to do.
import t from 'tap';
import { project } from '../run/helper.js';
import { forking } from './helper.js';

const wasm = `new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0,
  10, 6, 1, 4, 0, 65, 42, 11])`;
const work = {
  nothing: '',
  objects: `for (let i = 0; i < 3e5; i++) kept.push({ i, s: 'x' + i });`,
  buffer: 'kept.push(Buffer.allocUnsafe(2 ** 28));',
  buffers: 'for (let i = 0; i < 1e4; i++) kept[0] = Buffer.alloc(9000);',
  weak: `const registry = new FinalizationRegistry(() => {});
    for (let i = 0; i < 1e5; i++) registry.register({}, i);`,
  copies: 'structuredClone(Array.from({ length: 1e5 }, (_, i) => ({ i })));',
  collected: `require('v8').setFlagsFromString('--expose-gc');
    require('vm').runInNewContext('gc')();`,
  compiled: `WebAssembly.compile(${wasm});`,
  optimised: `const { exports: e } = new WebAssembly.Instance(new WebAssembly.Module(${wasm}));
    for (let i = 0; i < 3e6; i++) e.f();`,
};
const bodies = JSON.stringify(work);
const dir = project(t, {
  'handler.cjs': `const { Worker } = require('node:worker_threads');
    const work = ${bodies};
    const kept = (globalThis.kept = []);
    const run = (name) => new Function('kept', 'require', work[name])(kept, require);
    exports.dry = (name) => { run(name); return new Promise((r) => setTimeout(r, 50).unref()); };
    exports.beforeExit = (name) => { run(name); return new Promise((r) => process.once('beforeExit', () => r('came'))); };
    exports.worker = (name) => {
      run(name);
      const text = 'const kept = (globalThis.kept = []);' + work[name] + 'setTimeout(() => console.log("hi"), 20);';
      const worker = new Worker(text, { eval: true, stdout: true });
      return new Promise((r) => {
        let text = '';
        worker.stdout.on('data', (data) => (text += data));
        worker.on('exit', (code) => setImmediate(() => r([code, text])));
      });
    };
    exports.wasm = async () => {
      const bytes = ${wasm};
      const { instance } = await WebAssembly.instantiate(bytes);
      const again = await WebAssembly.instantiate(await WebAssembly.compile(bytes));
      const third = await WebAssembly.compileStreaming(new Response(bytes, { headers: { 'content-type': 'application/wasm' } }));
      return [instance.exports.f(), again.exports.f(), third instanceof WebAssembly.Module, WebAssembly.compile.name];
    };`,
});
const runner = forking(t, { execution: { memoryMb: 1024, timeoutMs: 20_000 } });
/** @param {string} name @param {unknown} [input] */
const call = (name, input) =>
  runner.run({ file: './handler.cjs', export: name }, input, { requestId: 'r', workdir: dir });

for (const name of Object.keys(work))
  t.test(name, async (t) => {
    t.match(await call('dry', name), { ok: false, error: { code: 'HANDLER_EXIT' } }, 'it ran dry');
    t.match(await call('beforeExit', name), { ok: true, data: 'came' });
    t.match(await call('worker', name), { ok: true, data: [0, 'hi\n'] });
  });

t.test('WebAssembly is compiled with nothing else to do', async (t) => {
  t.match(await call('wasm'), { ok: true, data: [42, 42, true, 'compile'] });
});
