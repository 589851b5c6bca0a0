// A zygote that dies takes its guests along, and no run stays without a result. SBX_FAULTS sets how often
// it is killed (200).
import fs from 'node:fs';
import t from 'tap';
import { handler, isAlive, processesWith, project, run, until } from '../run/helper.js';
import { forking, parentOf, zygotes } from './helper.js';

const KILLS = Number(process.env.SBX_FAULTS ?? 200);
// As ../fault/kill.test.js.
t.setTimeout(120_000 + KILLS * 3000);

const kill = (/** @type {string} */ pid) => {
  try {
    process.kill(Number(pid), 'SIGKILL');
  } catch {} // It ended by itself.
};

t.test(`kill -9 under load, ${KILLS} times`, async (t) => {
  const runner = forking(t, { execution: { concurrency: 8, maxQueue: 1e6 } });
  const body = handler(`
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20)); return input;`);
  const dir = project(t, body);
  const ref = { file: 'handler.mjs', export: 'handle' };
  const codes = new Map();
  let stop = false;
  let good = 0;
  const load = Array.from({ length: 8 }, async (_, lane) => {
    for (let i = 0; !stop; i++) {
      const input = `${lane}-${i}`;
      const { ok, data, error } = await runner.run(ref, input, { requestId: 'r', workdir: dir });
      if (ok && data === input) good++;
      else codes.set(error?.code ?? 'wrong', (codes.get(error?.code ?? 'wrong') ?? 0) + 1);
    }
  });
  /** @type {string[]} */
  let killed = [];
  for (let kills = 0; kills < KILLS;) {
    const before = good;
    await until(() => good > before, 'a run that went well');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
    killed = zygotes();
    killed.forEach(kill);
    kills += killed.length;
  }
  stop = true;
  await Promise.all(load);
  t.ok(good > 0, `${good} runs went well`);
  t.same(
    [...codes.keys()].filter((code) => code !== 'PROCESS_CRASHED'),
    [],
  );
  // What is sent to one that is dying goes with it, as what it runs does.
  await until(() => !killed.some(isAlive), 'their end');
  const last = await runner.run(ref, 'last', { requestId: 'r', workdir: dir });
  t.match(last, { ok: true, data: 'last' }, JSON.stringify(last.error));
  await runner.dispose();
  t.same(processesWith(dir), []);
  t.same(zygotes(), []);
});

t.test('the end of a zygote is the end of its guests', async (t) => {
  const runner = forking(t);
  const dir = project(t, handler(`setInterval(() => {}, 1000); await new Promise(() => {});`));
  const going = runner.run({ file: 'handler.mjs', export: 'handle' }, 0, {
    requestId: 'r',
    workdir: dir,
  });
  await until(() => guests().length === 1, 'a guest');
  const [guest] = guests();
  const [zygote] = zygotes();
  kill(zygote);
  t.match(await going, { ok: false, error: { code: 'PROCESS_CRASHED' } });
  t.notOk(isAlive(guest));
  t.notOk(isAlive(zygote));
  t.match(await run(t, handler('return 1;'), { runner }), { ok: true, data: 1 });
});

/** The children of the zygote. (What else /proc tells of a guest, it tells to root alone.) */
function guests() {
  const [zygote] = zygotes();
  return fs.readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && zygote !== undefined && parentOf(pid) === Number(zygote);
    } catch {
      return false; // It ended in between.
    }
  });
}

t.test('dispose() ends what runs', async (t) => {
  const runner = forking(t);
  const endless = handler(`process.on('SIGTERM', () => {}); for (;;);`);
  const going = [1, 2, 3].map(() => run(t, endless, { runner }));
  await until(() => zygotes().length === 1, 'a zygote');
  await new Promise((resolve) => setTimeout(resolve, 200));
  await runner.dispose();
  for (const result of await Promise.all(going))
    t.match(result, { ok: false, error: { code: 'DISPOSED' } });
  t.same(zygotes(), []);
});
