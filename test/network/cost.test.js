// What others do for a run is the run's: the CPU time of its broker, in the metrics and against the limit.
import t from 'tap';
import { handler, hosts, run, sandbox } from './helper.js';

/** Connections that are refused, and the CPU time of the guest's own. */
const code = `
import net from 'node:net';
const refused = () => new Promise((done) => net.connect(9, '127.0.0.1').on('error', done));
const own = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
${handler(`
  if (input.n > 0) {
    for (let i = 0; i < input.n; i += 100) await Promise.all(Array.from({ length: 100 }, refused));
    return own();
  }
  for (let told = 0; ; ) {
    await refused();
    if (own() > told + 10) ctx.progress(0, String((told = own())));
  }
`)}`;

for (const startup of ['spawn', 'fork']) {
  t.test(`${startup}: the metrics`, async (t) => {
    const runner = sandbox(t, { ...hosts(['a.test']), startup });
    const beside = async (/** @type {number} */ n) => {
      const { data, metrics, error } = await run(t, code, { runner, input: { n } });
      t.equal(error, undefined);
      return /** @type {any} */ (metrics).cpuMs - data;
    };
    await beside(100);
    const [few, many] = [await beside(100), await beside(4500)];
    t.ok(many > few + 15, `${Math.round(few)} ms beside the guest's own, ${Math.round(many)} ms`);
  });

  t.test(`${startup}: the limit`, async (t) => {
    const cpuMs = 1500;
    const runner = sandbox(t, {
      ...hosts(['a.test']),
      startup,
      execution: { cpuMs, timeoutMs: 60_000 },
    });
    let own = 0;
    const onProgress = (/** @type {number} */ _, /** @type {string} */ text) =>
      (own = Number(text));
    const ctx = { onProgress };
    const { error } = await run(t, code, { runner, input: { n: 0 }, ctx });
    t.equal(error?.code, 'CPU_LIMIT');
    t.ok(own > 0 && own < cpuMs * 0.92, `ended when its own were ${own} of ${cpuMs} ms`);
  });
}
