// Host functions: deadlines, places, sizes, streams, and many calls.
import t from 'tap';
import { everyWay, sandbox } from './helper.js';

/** @param {any} context @param {number} to */
async function* count(context, to) {
  for (let i = 0; i < to; i++) yield i;
}

everyWay(t, 'timeoutMs', async (t, way) => {
  /** @type {string[]} */
  const reasons = [];
  const { run } = sandbox(t, {
    ...way,
    host: {
      slow: {
        call: ({ signal }) =>
          new Promise(() =>
            signal.addEventListener('abort', () => reasons.push(signal.reason.name)),
          ),
        timeoutMs: 20,
      },
      quick: { call: () => 1, timeoutMs: 20_000 },
    },
  });
  t.match((await run('caught', { name: 'slow' })).data, { name: 'TimeoutError', code: 'TIMEOUT' });
  t.strictSame(reasons, ['TimeoutError']);
  t.equal((await run('call', { name: 'quick', args: [] })).data, 1);
});

everyWay(t, 'more calls than may be under way wait for their turn', async (t, way) => {
  let now = 0;
  let most = 0;
  const add = async (/** @type {any} */ _, /** @type {number} */ a, /** @type {number} */ b) => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now--;
    return a + b;
  };
  const bounded = sandbox(t, { ...way, host: { add }, execution: { maxHostCalls: 8 } });
  t.equal((await bounded.run('many', 500)).data, 500);
  t.equal(most, 8);
  most = 0;
  const { run } = sandbox(t, { ...way, host: { add: { call: add, maxConcurrent: 2 } } });
  const both = await Promise.all([run('many', 100), run('many', 100)]);
  t.strictSame(
    both.map(({ data }) => data),
    [100, 100],
  );
  t.equal(most, 2, 'maxConcurrent is of all runs');
});

everyWay(t, 'large arguments and results, and what is too large', async (t, way) => {
  const { run } = sandbox(t, {
    ...way,
    execution: { maxMessageBytes: 1 << 20 },
    host: { echo: (_, ...args) => args, large: (_, bytes) => 'x'.repeat(bytes) },
  });
  t.equal((await run('largeArguments', 1e6)).data, true);
  const tooLarge = { code: 'MESSAGE_TOO_LARGE', name: 'RangeError' };
  const args = ['x'.repeat(1 << 20)];
  t.match((await run('caught', { name: 'echo', args })).data, tooLarge);
  t.match((await run('caught', { name: 'large', args: [1 << 20] })).data, tooLarge);
});

everyWay(t, 'streams from the host, with back-pressure', async (t, way) => {
  let closed = () => {};
  const closing = new Promise((resolve) => (closed = () => resolve(undefined)));
  let made = 0;
  const { run } = sandbox(t, {
    ...way,
    host: {
      async *count(context, to) {
        try {
          for await (const i of count(context, to)) {
            made++;
            yield i;
          }
        } finally {
          closed();
        }
      },
      closed: () => closing,
      async *breaks() {
        yield 1;
        throw Object.assign(new Error('torn'), { code: 'E_TORN' });
      },
      bytes: async () =>
        new ReadableStream({
          start(controller) {
            controller.enqueue(new Uint8Array(3));
            controller.enqueue(new Uint8Array(70_000));
            controller.close();
          },
        }),
    },
  });
  t.strictSame((await run('total', 1000)).data, { sum: 499500, chunks: 1000 });
  made = 0;
  t.strictSame((await run('firstOf')).data, [0, 1, 2]);
  t.ok(made <= 32, `${made} were made`);
  t.strictSame((await run('brokenStream')).data, [[1], 'torn', 'E_TORN']);
  t.strictSame((await run('bytesFromHost')).data, [
    [true, 3],
    [true, 70_000],
  ]);
});

everyWay(t, '2,000 calls leave nothing behind', async (t, way) => {
  const { run } = sandbox(t, { ...way, host: { add: (_, a, b) => a + b } });
  await run('inTurn', 10);
  global.gc?.();
  const before = process.memoryUsage();
  const { data, metrics } = await run('inTurn', 2000);
  t.equal(data, 2000);
  t.equal(metrics.host[0].calls, 2000);
  global.gc?.();
  const after = process.memoryUsage();
  t.ok(after.external - before.external < 8 << 20, 'Buffers are let go');
});
