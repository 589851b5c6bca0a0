// The API is an optional peer: nothing of it is looked for until something has registered itself
// with one, and whether it is found then makes no difference to a run.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { handler, project } from '../run/helper.js';

const lib = new URL('../../lib/index.js', import.meta.url).href;

/** Tells of every module of OpenTelemetry that is asked for, and has none. */
const hooks = `
import fs from 'node:fs';
export async function resolve(specifier, context, next) {
  if (!specifier.includes('opentelemetry')) return next(specifier, context);
  fs.writeSync(2, 'asked for ' + specifier + '\\n');
  throw Object.assign(new Error('none'), { code: 'ERR_MODULE_NOT_FOUND' });
}`;
const url = (/** @type {string} */ text) => `data:text/javascript,${encodeURIComponent(text)}`;
const register = url(`
import { register } from 'node:module';
register(${JSON.stringify(url(hooks))});`);

/**
 * @param {any} t
 * @param {{ mode: string, registered: boolean, openTelemetry: boolean }} way
 */
async function host(t, { mode, registered, openTelemetry }) {
  const dir = project(t, {
    'handler.mjs': handler('return 7;'),
    'host.mjs': `
      import { createSandboxRunner } from ${JSON.stringify(lib)};
      ${registered ? "globalThis[Symbol.for('opentelemetry.js.api.1')] = { version: '1.9.0' };" : ''}
      const runner = createSandboxRunner({
        mode: ${JSON.stringify(mode)}, monitoring: { openTelemetry: ${openTelemetry} } });
      const ctx = { requestId: 'r', workdir: import.meta.dirname ?? process.cwd() };
      const { data, error } = await runner.run({ file: 'handler.mjs', export: 'handle' }, 0, ctx);
      console.log(JSON.stringify({ data, error }));
      await runner.dispose();`,
  });
  const args = ['--import', register, `${dir}/host.mjs`];
  return promisify(execFile)(process.execPath, args, { cwd: dir });
}

for (const mode of ['subprocess', 'inprocess']) {
  t.test(`${mode}: nobody has registered anything`, async (t) => {
    const way = { mode, registered: false, openTelemetry: true };
    const { stdout, stderr } = await host(t, way);
    t.match(JSON.parse(stdout), { data: 7 });
    t.notMatch(stderr, 'asked for');
  });

  t.test(`${mode}: it cannot be found`, async (t) => {
    const way = { mode, registered: true, openTelemetry: true };
    const { stdout, stderr } = await host(t, way);
    t.match(JSON.parse(stdout), { data: 7 });
    t.match(stderr, 'asked for @opentelemetry/api');
  });

  t.test(`${mode}: it is not wanted`, async (t) => {
    const way = { mode, registered: true, openTelemetry: false };
    const { stdout, stderr } = await host(t, way);
    t.match(JSON.parse(stdout), { data: 7 });
    t.notMatch(stderr, 'asked for');
  });
}
