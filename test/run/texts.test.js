// Texts of many sizes and kinds, there and back, and runs in new processes one after the other.
import t from 'tap';
import { project, run, sandbox } from './helper.js';

const echo = 'export const handle = (input) => input;';

t.test('texts come back as they were', async (t) => {
  const runner = sandbox(t);
  const sizes = [0, 1, (16 << 10) - 2, 16 << 10, (64 << 10) + 1, 256 << 10, (1 << 20) + 3];
  for (const unit of ['a', 'é', '€', '😀', '\ud800', '\udc00', '\0', '"']) {
    for (const size of sizes) {
      const text = unit.repeat(Math.ceil(size / unit.length));
      const { ok, data } = await run(t, echo, { runner, input: text });
      t.ok(ok && data === text, `${JSON.stringify(unit)}, ${size}`);
    }
  }
  const mixed = `${'x'.repeat((256 << 10) - 2)}${'😀é€x'.repeat(100_000)}`;
  t.equal((await run(t, echo, { runner, input: mixed })).data, mixed);
});

t.test('spawned runs: before, while and after our modules are compiled', async (t) => {
  const runner = sandbox(t, { startup: 'spawn' });
  const dir = project(t, {
    'handler.mjs': `import { sep } from 'node:path';
      const late = await import('./late.mjs');
      export const handle = async (input) => ({ input, sep, late: late.value });`,
    'late.mjs': 'export const value = await Promise.resolve(7);',
    'throws.cjs': 'exports.handle = () => { throw new RangeError("no"); };',
  });
  const ctx = { requestId: 'r', workdir: dir };
  const go = (/** @type {string} */ file) => runner.run({ file, export: 'handle' }, { a: 1 }, ctx);
  for (let i = 0; i < 8; i++) {
    t.match(await go('handler.mjs'), {
      ok: true,
      data: { input: { a: 1 }, sep: '/', late: 7 },
      metrics: { startup: 'spawn' },
    });
  }
  const many = await Promise.all(Array.from({ length: 6 }, () => go('throws.cjs')));
  for (const result of many) {
    t.match(result, { ok: false, error: { code: 'HANDLER_ERROR', name: 'RangeError' } });
    t.match(result.error.stack, `${dir}/throws.cjs:1:`);
  }
});
