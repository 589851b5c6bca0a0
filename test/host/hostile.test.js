// Guests that write what they like to the data socket.
import t from 'tap';
import { everyWay, sandbox } from './helper.js';
import { fuzzMessages, randomMessages } from './fuzz.js';

const SUBPROCESS = ['spawn', 'fork'];
const call = (/** @type {string} */ name, text = '[]') =>
  String.fromCharCode(name.length) + name + text;
const u32 = (/** @type {number} */ count) => String.fromCharCode(count, 0, 0, 0);

everyWay(
  t,
  'what is no message ends the run',
  async (t, way) => {
    let called = 0;
    const { run } = sandbox(t, { ...way, host: { add: () => ++called } });
    /** @type {[string, [number, number, string][]][]} */
    const cases = [
      ['an unknown kind', [[99, 1, '']]],
      [
        'a repeated number',
        [
          [1, 1, call('add')],
          [1, 1, call('add')],
        ],
      ],
      [
        'a number that goes back',
        [
          [1, 7, call('add')],
          [1, 3, call('add')],
        ],
      ],
      ['number 0', [[1, 0, call('add')]]],
      ['a call without a name', [[1, 1, '']]],
      ['a name longer than the message', [[1, 1, '\xffadd']]],
      ['a CANCEL of no call', [[2, 5, '']]],
      ['a PULL of no call', [[3, 5, u32(1)]]],
      [
        'a PULL of nothing',
        [
          [1, 1, call('add')],
          [3, 1, u32(0)],
        ],
      ],
      ['a CHUNK without a stream', [[5, 0, '\x00{}']]],
      [
        'two streams',
        [
          [4, 0, ''],
          [4, 0, ''],
        ],
      ],
      [
        'a CHUNK that is no JSON',
        [
          [4, 0, ''],
          [5, 0, '\x00{'],
        ],
      ],
      [
        'a CHUNK of an unknown form',
        [
          [4, 0, ''],
          [5, 0, '\x02{}'],
        ],
      ],
      ['progress that is no JSON', [[6, 0, '{']]],
      ['progress over 1', [[6, 0, '{"fraction":1.5}']]],
      ['progress of text', [[6, 0, '{"fraction":"1"}']]],
      ['progress with a number for a text', [[6, 0, '{"fraction":1,"message":5}']]],
      ['progress that is null', [[6, 0, 'null']]],
    ];
    for (const [what, list] of cases) {
      const { error } = await run('raw', list);
      t.match(error, { code: 'PROCESS_CRASHED', message: /broke the protocol/ }, what);
    }
    t.ok(called <= 3);
  },
  SUBPROCESS,
);

everyWay(
  t,
  'what is too much ends the run',
  async (t, way) => {
    let running = 0;
    let most = 0;
    const { run, stream } = sandbox(t, {
      ...way,
      execution: { maxMessageBytes: 65536, maxHostCalls: 16 },
      host: {
        waits: ({ signal }) => {
          most = Math.max(most, ++running);
          return new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              running--;
              reject(signal.reason);
            });
          });
        },
        large: () => 'x'.repeat(60_000),
        add: (_, a, b) => a + b,
      },
    });
    const limit = { code: 'HOST_LIMIT' };
    t.match((await run('floodCalls')).error, limit, 'calls');
    t.equal(most, 16);
    t.equal(running, 0, 'what was called is aborted');
    t.match((await run('neverReads')).error, limit, 'calls whose answers nobody reads');
    t.match((await run('huge')).error, limit, 'a large message');
    const chunks = /** @type {any[]} */ ([[4, 0, '']]);
    for (let i = 0; i < 17; i++) chunks.push([5, 0, '\x001']);
    t.match((await stream('raw', chunks).result).error, limit, 'chunks that nobody takes');
    const progress = Array.from({ length: 2000 }, () => [6, 0, '{"fraction":0}']);
    t.match((await run('raw', progress)).error, limit, 'progress');
    t.match(
      (
        await run('raw', [
          [1, 1, call('add')],
          [2, 1, ''],
          [2, 1, ''],
        ])
      ).error,
      limit,
      'CANCELs',
    );
    t.match(
      (
        await run('raw', [
          [1, 1, call('add')],
          [3, 1, u32(9)],
        ])
      ).error,
      limit,
      'PULLs',
    );
    t.equal((await run('afterResult')).data, 'ok', 'what comes after the result is dropped');
  },
  SUBPROCESS,
);

t.test('random messages reach nothing that they may not', async (t) => {
  for (let seed = 1; seed <= 300; seed++) {
    const { secret, codes } = await fuzzMessages(seed);
    if (
      secret > 0 ||
      codes.some((code) => !['HOST_LIMIT', 'PROCESS_CRASHED', 'RESULT_TOO_LARGE'].includes(code))
    )
      t.fail(`seed ${seed}: ${secret} ${codes}`);
  }
  t.pass('300 seeds');
});

everyWay(
  t,
  'random frames of a guest',
  async (t, way) => {
    let secret = 0;
    const { run } = sandbox(t, {
      ...way,
      host: {
        add: (_, a, b) => a + b,
        waits: () => new Promise(() => {}),
        secret: { call: () => ++secret, capability: 'host:secret' },
      },
      execution: { maxMessageBytes: 4096, timeoutMs: 10_000 },
    });
    for (let seed = 1; seed <= 12; seed++) {
      const { ok, error } = await run('bytes', randomMessages(seed).toString('base64'));
      const known =
        ok || ['HOST_LIMIT', 'PROCESS_CRASHED', 'RESULT_TOO_LARGE'].includes(error.code);
      t.ok(known, `seed ${seed}: ${error?.code} ${error?.message}`);
    }
    t.equal(secret, 0);
    t.equal((await run('inTurn', 3)).data, 3, 'the runner is as good as new');
  },
  SUBPROCESS,
);
