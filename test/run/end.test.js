// What is still done when a handler has returned, and what keeps a run going: alike however it was started.
import t from 'tap';
import { project, sandbox } from './helper.js';

const handlers = `
  import fs from 'node:fs';
  await 1;
  const print = (text) => fs.writeSync(1, text + '\\n');
  export async function tick() { process.nextTick(() => { console.log('tick'); process.nextTick(() => console.log('nested')); }); return 1; }
  export async function warning() { process.emitWarning('careful'); return 1; }
  export async function failing() { process.nextTick(() => console.log('tick')); throw new Error('x'); }
  export async function rejected() { Promise.reject(new Error('nobody')); return 1; }
  export async function thrower() { process.nextTick(() => { throw new Error('from a tick'); }); return 1; }
  export function listener() { process.on('exit', (code) => print('flushed ' + code)); return 1; }
  export function listenerOfFailure() { process.on('exit', (code) => print('flushed ' + code)); throw new Error('x'); }
  export function throwing() { process.on('exit', () => print('first')); process.on('exit', () => { throw new Error('late'); }); return 1; }
  export function endless() { process.on('exit', () => { print('endless'); for (;;); }); return 1; }
  export const signal = (i, ctx) => new Promise((r) => ctx.signal.addEventListener('abort', () => r('stopped')));
  export const composite = (i, ctx) => new Promise((r) => AbortSignal.any([ctx.signal]).addEventListener('abort', () => r('stopped')));
  export const dry = () => new Promise(() => {});
`;

for (const config of /** @type {const} */ ([
  { startup: 'spawn' },
  { startup: 'fork' },
  { mode: 'inprocess' },
])) {
  const [how] = Object.values(config);
  t.test(how, async (t) => {
    const workdir = project(t, handlers);
    const runner = sandbox(t, config);
    const ctx = { requestId: 'r', workdir };
    const call = (/** @type {string} */ name, /** @type {any} */ on = runner, more = {}) =>
      on.run({ file: './handler.mjs', export: name }, null, { ...ctx, ...more });

    t.match(await call('tick'), { ok: true, logs: ['tick', 'nested'] }, 'process.nextTick');
    const warned = await call('warning');
    t.match(warned.logs[0], /Warning: careful/);
    t.match(await call('failing'), { error: { code: 'HANDLER_ERROR' }, logs: ['tick'] });

    const short = sandbox(t, { ...config, execution: { timeoutMs: 1500, graceMs: 300 } });
    for (const name of ['signal', 'composite'])
      t.match(await call(name, short), { ok: false, error: { code: 'TIMEOUT' } }, name);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 300);
    t.match(await call('signal', runner, { signal: controller.signal }), {
      error: { code: 'ABORTED' },
    });
    if (how === 'inprocess') return; // What follows is of a process of its own.

    t.match(await call('dry'), { error: { code: 'HANDLER_EXIT' } });
    t.match(await call('rejected'), { ok: true, data: 1 }, 'it is noticed too late');
    t.match(await call('thrower'), { error: { message: /from a tick/ } });
    t.match(await call('listener'), { ok: true, data: 1, logs: ['flushed 0'] });
    t.match(await call('listenerOfFailure'), {
      error: { code: 'HANDLER_ERROR' },
      logs: ['flushed 1'],
    });
    t.match(await call('throwing'), { ok: true, data: 1, logs: ['first'] });
    const endless = await call('endless', short);
    t.match(endless, { ok: false, error: { code: 'TIMEOUT' }, logs: ['endless'] });
  });
}
