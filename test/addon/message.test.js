// What guests say while they run, and what they are answered.
import t from 'tap';
import { addon, open, start } from './helper.js';

const NONE = new Uint8Array(0);
const STOP = { head: Buffer.from('st'), body: Buffer.from('op') };

t.test('messages come in order and in batches, answers go back', async (t) => {
  const { runner, close } = open();
  /** @type {string[]} */
  const seen = [];
  let largest = 0;
  const { run, done } = start(
    runner,
    { act: 'talk', count: 1000 },
    {
      maxMessageBytes: 100,
      onMessages(/** @type {any[]} */ list) {
        largest = Math.max(largest, list.length / 2);
        for (let i = 0; i < list.length; i += 2) {
          seen.push(list[i].toString());
          t.equal(list[i + 1], list[i].length, 'what it costs');
        }
        if (seen.length < 1000) return;
        t.equal(addon.sendMessage(run, { head: Buffer.from('a'), body: Buffer.alloc(9) }), 0);
        t.equal(addon.sendMessage(run, STOP), 0);
      },
      onRoom: () => {},
    },
  );
  const outcome = await done;
  t.equal(outcome.result.toString(), '{"bytes":10,"answers":1}');
  t.ok(seen.every((text, i) => text === `message ${i}`));
  t.equal(outcome.overflow, false);
  t.equal(addon.sendMessage(run, STOP), -1, 'after the end nothing is sent');
  await close();
});

t.test('what the socket does not take waits, and onRoom tells when it is gone', async (t) => {
  const { runner, close } = open();
  let rooms = 0;
  let sent = 0;
  const body = Buffer.alloc(300_000, 1);
  const { run, done } = start(
    runner,
    { act: 'talk', count: 1, restMs: 200 },
    {
      maxMessageBytes: 100,
      onMessages() {
        let left = 0;
        while (left === 0 || sent < 20) {
          left = addon.sendMessage(run, { head: NONE, body });
          sent++;
        }
        t.ok(left > 0);
      },
      onRoom() {
        rooms++;
        addon.sendMessage(run, STOP);
      },
    },
  );
  const { bytes, answers } = JSON.parse((await done).result.toString());
  t.equal(rooms, 1);
  t.equal(answers, sent);
  t.equal(bytes, sent * body.length);
  await close();
});

t.test('a message over the limit ends the run, one at it does not', async (t) => {
  const { runner, close } = open();
  const options = { maxMessageBytes: 1000, onMessages: () => {} };
  const fits = start(runner, { act: 'largeMessage', bytes: 1256 }, options);
  t.match(await fits.done, { overflow: false, exitCode: 0 });
  const over = start(runner, { act: 'largeMessage', bytes: 1257 }, options);
  t.match(await over.done, { overflow: true, result: null });
  const nobody = start(runner, { act: 'largeMessage', bytes: 10 });
  t.match(
    await nobody.done,
    { protocolError: /may not send/ },
    'without onMessages there are none',
  );
  await close();
});

t.test('what is said last is heard before the end', async (t) => {
  const { runner, close } = open();
  let count = 0;
  let ended = false;
  const { done } = start(
    runner,
    { act: 'largeMessage', bytes: 100 },
    {
      maxMessageBytes: 1000,
      onMessages(/** @type {Buffer[]} */ list) {
        t.notOk(ended);
        count += list.length / 2;
      },
    },
  );
  await done;
  ended = true;
  t.equal(count, 1);
  await close();
});

t.test('sendMessage checks its arguments', async (t) => {
  const { runner, close } = open();
  const { run, done } = start(
    runner,
    { act: 'largeMessage', bytes: 1 },
    {
      maxMessageBytes: 10,
      onMessages: () => {},
    },
  );
  t.throws(() => addon.sendMessage({}, STOP), { code: 'ERR_INVALID_ARG_TYPE' });
  t.throws(() => addon.sendMessage(run, { head: 'text', body: NONE }), TypeError);
  t.throws(() => addon.sendMessage(run, { head: NONE }), TypeError);
  await done;
  t.throws(
    () => start(runner, { act: 'echo' }, { onMessages: () => {} }),
    /maxMessageBytes/,
    'a limit must be given',
  );
  await close();
});
