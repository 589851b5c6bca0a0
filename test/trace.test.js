// How long things took goes by a clock that nobody sets, and that nobody's fake timers replace.
import t from 'tap';
import { endOf, now, startClock, steady, wallTime } from '../lib/trace.js';
import { handler, project, sandbox } from './run/helper.js';

const HOUR = 3600e3;
const WAIT_MS = 60;
/** More than any run here takes, on a machine however busy, and far less than the clocks are set by. */
const MOST_MS = 100_000;

/** What libraries of fake timers do. @param {any} t @param {number} by @param {number} [scale] */
function fakeClocks(t, by, scale = 1) {
  const { Date: RealDate } = globalThis;
  const { now: today } = Date;
  const { now: monotonic } = performance;
  const { hrtime } = process;
  Date.now = () => scale * today() + by;
  globalThis.Date = /** @type {any} */ (
    class extends RealDate {
      static now = () => 0;
    }
  );
  performance.now = () => 0;
  process.hrtime = /** @type {any} */ (Object.assign(() => [0, 0], { bigint: () => 0n }));
  const restore = () => {
    RealDate.now = today;
    globalThis.Date = RealDate;
    performance.now = monotonic;
    process.hrtime = hrtime;
  };
  t.teardown(restore);
  return restore;
}

for (const config of /** @type {const} */ ([
  { startup: 'spawn' },
  { startup: 'fork' },
  { mode: 'inprocess' },
]))
  t.test(`a run with clocks that are replaced: ${Object.values(config)}`, async (t) => {
    const workdir = project(t, handler(`await new Promise((r) => setTimeout(r, ${WAIT_MS}));`));
    const runner = sandbox(t, config);
    for (const [by, scale] of [
      [0, 0],
      [-HOUR, 1],
      [HOUR, 1],
    ]) {
      const running = runner.run({ file: './handler.mjs', export: 'handle' }, null, {
        requestId: 'r',
        workdir,
      });
      const restore = fakeClocks(t, by, scale);
      const { ok, metrics } = await running;
      restore();
      t.ok(ok);
      const { timeMs, phases } = /** @type {any} */ (metrics);
      for (const ms of [timeMs, ...Object.values(phases)])
        t.ok(ms >= 0 && ms < MOST_MS, `${ms} ms`);
      t.ok(timeMs >= WAIT_MS - 5, `${timeMs} ms are what it took`);
      const { run, queue } = /** @type {any} */ (runner.stats().latency);
      for (const { max } of [run, queue]) t.ok(max >= 0 && max < MOST_MS, `at most ${max} ms`);
    }
  });

t.test('a handler that replaces its clocks', async (t) => {
  const workdir = project(
    t,
    handler(`Date.now = () => 0; performance.now = () => 1e12; process.hrtime = () => [0, 0];
      await new Promise((r) => setTimeout(r, ${WAIT_MS}));`),
  );
  for (const startup of /** @type {const} */ (['spawn', 'fork'])) {
    const runner = sandbox(t, { startup });
    const ctx = { requestId: 'r', workdir };
    const { metrics } = await runner.run({ file: './handler.mjs', export: 'handle' }, null, ctx);
    const { executeMs } = /** @type {any} */ (metrics).phases;
    t.ok(executeMs >= WAIT_MS - 5 && executeMs < MOST_MS, `${executeMs} ms`);
  }
});

t.test('an end that the system tells by a clock that was set', async (t) => {
  t.equal(endOf(150, 100, 160), 150);
  t.equal(endOf(99, 100, 160), 99, 'two clocks differ a little');
  t.equal(endOf(0, 100, 160), 160);
  t.equal(endOf(100 - HOUR, 100, 160), 160);
  t.equal(endOf(150 + HOUR, 100, 160), 160);
});

t.test('a clock of a run goes on steadily', async (t) => {
  const clock = startClock();
  t.ok(Math.abs(clock() - now()) < 1000);
  const restore = fakeClocks(t, HOUR);
  t.ok(Math.abs(clock() - now()) < 1000);
  const before = steady();
  t.ok(steady() >= before && wallTime() > 1e12);
  restore();
});
