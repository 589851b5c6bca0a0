// A forked guest that waits writes to no pages that it shares with others.
import t from 'tap';
import { handler, project } from '../run/helper.js';
import { forking } from './helper.js';

/** V8 gives memory back when nothing was allocated for 8 s, in versions that do. */
const REST_MS = 12_000;

t.test('at rest', async (t) => {
  const runner = forking(t, { execution: { timeoutMs: 60_000 } });
  const workdir = project(
    t,
    handler(`
  const { readFileSync } = await import('node:fs');
  const own = () => {
    const text = readFileSync('/proc/self/smaps_rollup', 'latin1');
    return Number(/^Private_Dirty:\\s+(\\d+) kB$/m.exec(text)[1]);
  };
  const before = own();
  await new Promise((resolve) => setTimeout(resolve, ${REST_MS}));
  return own() - before;`),
  );
  const ref = { file: 'handler.mjs', export: 'handle' };
  const { ok, data } = await runner.run(ref, 0, { requestId: 'rest', workdir });
  t.ok(ok);
  t.ok(data < 512, `${data} kB more are its own`);
});
