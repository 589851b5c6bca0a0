// Results that are streams: taken as they come, or put together.
import t from 'tap';
import { everyWay, sandbox } from '../host/helper.js';

/** @param {AsyncIterable<any>} stream */
async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

everyWay(t, 'chunks as they come, then the result', async (t, way) => {
  const { stream } = sandbox(t, way);
  const rows = stream('rows', 500);
  t.strictSame(
    await all(rows),
    Array.from({ length: 500 }, (_, row) => ({ row })),
  );
  t.match(await rows.result, { ok: true, data: 'all', metrics: { timeMs: Number } });
  const bytes = stream('readable', 40);
  const chunks = await all(bytes);
  t.equal(chunks.length, 40);
  t.strictSame([...chunks[4]], [5, 0, 255]);
  t.strictSame(await all(stream('empty')), []);
  const plain = stream('noHost');
  t.strictSame(await all(plain), [], 'a result that is no stream has no chunks');
  t.equal((await plain.result).data, true);
});

everyWay(t, 'run() puts them together', async (t, way) => {
  const { run } = sandbox(t, { ...way, execution: { maxResultBytes: 1000 } });
  t.strictSame((await run('rows', 3)).data, [{ row: 0 }, { row: 1 }, { row: 2 }]);
  t.strictSame((await run('empty')).data, []);
  t.match((await run('rows', 1e9)).error, { code: 'RESULT_TOO_LARGE', details: { limit: 1000 } });
  const bytes = (await run('readable', 2)).data;
  t.strictSame(
    bytes.map((/** @type {any} */ chunk) => [...chunk]),
    [
      [1, 0, 255],
      [2, 0, 255],
    ],
  );
});

everyWay(t, "'advanced' chunks", async (t, way) => {
  const { run } = sandbox(t, { ...way, serialization: 'advanced' });
  t.strictSame((await run('rows', 2)).data, [{ row: 0 }, { row: 1 }]);
});

everyWay(t, 'a failure is thrown behind the chunks that came', async (t, way) => {
  const { run, stream } = sandbox(t, { ...way, execution: { maxMessageBytes: 2000 } });
  const fails = stream('fails', 3);
  /** @type {any[]} */
  const seen = [];
  await t.rejects(
    (async () => {
      for await (const chunk of fails) seen.push(chunk);
    })(),
    { code: 'HANDLER_ERROR', message: 'half way' },
  );
  t.equal(seen.length, 3);
  t.match((await fails.result).error, { code: 'HANDLER_ERROR', name: 'RangeError' });
  t.match((await run('fails', 1)).error, { code: 'HANDLER_ERROR' });
  t.match((await run('unserializable')).error, { code: 'RESULT_NOT_SERIALIZABLE' });
  t.match((await run('largeChunk', 3000)).error, { code: 'RESULT_TOO_LARGE' });
  const invalid = sandbox(t, way).runner.stream(
    /** @type {any} */ (undefined),
    1,
    /** @type {any} */ (undefined),
  );
  await t.rejects(all(invalid), { code: 'VALIDATION_ERROR' });
  t.match(await invalid.result, { ok: false });
});

everyWay(t, 'leaving the loop ends the run', async (t, way) => {
  let closed = 0;
  const { stream } = sandbox(t, { ...way, host: { closed: () => ++closed } });
  const endless = stream('cleansUp');
  const seen = [];
  for await (const chunk of endless) {
    seen.push(chunk);
    if (seen.length === 40) break;
  }
  t.equal(seen[39], 39);
  t.match((await endless.result).error, { code: 'ABORTED' });
  const controller = new AbortController();
  const aborted = stream('cleansUp', null, { signal: controller.signal });
  await aborted.next();
  controller.abort(new Error('stop'));
  await t.rejects(all(aborted), { code: 'ABORTED', message: /stop/ });
});

everyWay(t, 'nobody takes, nothing is made', async (t, way) => {
  let made = 0;
  const { stream } = sandbox(t, { ...way, host: { made: (_, i) => void (made = i + 1) } });
  const paced = stream('paced');
  await paced.next();
  // Long enough for all of it, were it not held back.
  while (made < 17) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.ok(made <= 18, `${made} were made`);
  t.equal((await all(paced)).length, 199);
  t.equal((await paced.result).ok, true);
});

everyWay(t, 'progress', async (t, way) => {
  const { run } = sandbox(t, way);
  /** @type {[number, string | undefined][]} */
  const seen = [];
  const ctx = {
    onProgress: (/** @type {number} */ fraction, /** @type {string} */ message) =>
      seen.push([fraction, message]),
  };
  t.equal((await run('progress', 50_000, ctx)).data, 50_000);
  t.strictSame(seen.at(-1), [1, 'step 50000'], 'the last one is always told');
  t.ok(seen.length < 2000, 'and few of the others');
  t.strictSame((await run('badProgress')).data, [
    'RangeError',
    'RangeError',
    'RangeError',
    'TypeError',
    'TypeError',
    'TypeError',
  ]);
  t.match((await run('progress', 1, { onProgress: 5 })).error, { code: 'VALIDATION_ERROR' });
});
