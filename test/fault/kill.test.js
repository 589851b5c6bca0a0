// kill -9 for the host, the launcher, the init and the guest at random moments: every pending run
// settles with the right code, and nothing is left over. SBX_FAULTS sets how often: 50, or 200 with
// SBX_FULL=1.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import t from 'tap';
import {
  handler,
  isAlive,
  isLauncher,
  processesWith,
  project,
  sandbox,
  until,
} from '../run/helper.js';

const times = Number(process.env.SBX_FAULTS ?? (process.env.SBX_FULL === '1' ? 200 : 50));
// What a run of each takes on a machine that is busy otherwise.
t.setTimeout(120_000 + times * 3000);
const lib = new URL('../../lib/index.js', import.meta.url).href;

const slow = handler(`
  process.on('SIGTERM', () => {});
  for (;;) await new Promise((r) => setTimeout(r, 1000));`);

/** @param {number | string} pid */
const childrenOf = (pid) => {
  try {
    return fs
      .readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
};

const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {number} pid */
const shoot = (pid) => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was quicker.
  }
};

/** The launcher among this process's children. */
const launchers = () => childrenOf(process.pid).filter(isLauncher);

t.test(`the launcher, ${times} times`, async (t) => {
  const runner = sandbox(t, { execution: { concurrency: 4 } });
  const dir = project(t, slow);
  // The probe is a launcher too, and a run outlives it: it asks again.
  await runner.run({ file: 'handler.mjs', export: 'absent' }, 0, { requestId: 'r', workdir: dir });
  const seen = new Set();
  for (let i = 0; i < times; i++) {
    const runs = [0, 1].map(() =>
      runner.run({ file: 'handler.mjs', export: 'handle' }, 0, { requestId: 'r', workdir: dir }),
    );
    await pause(Math.random() * 60);
    await until(() => launchers().length > 0, 'a launcher');
    launchers().forEach(shoot);
    for (const { error } of await Promise.all(runs)) seen.add(error?.code);
  }
  t.same([...seen], ['PROCESS_CRASHED']);
  await until(() => processesWith(dir).length === 0, 'the end of all guests');
  const { ok } = await runner.run({ file: 'handler.mjs', export: 'handle' }, 0, {
    requestId: 'r',
    workdir: dir,
    signal: AbortSignal.timeout(300),
  });
  t.equal(ok, false);
});

t.test(`the init, ${times} times`, async (t) => {
  const runner = sandbox(t, { execution: { concurrency: 4 } });
  const dir = project(t, slow);
  const seen = new Set();
  for (let i = 0; i < times; i++) {
    const run = runner.run({ file: 'handler.mjs', export: 'handle' }, 0, {
      requestId: 'r',
      workdir: dir,
    });
    const find = () => launchers().flatMap(childrenOf);
    await until(() => find().length > 0, 'an init');
    await pause(Math.random() * 60);
    find().forEach(shoot);
    seen.add((await run).error?.code);
  }
  t.same([...seen], ['PROCESS_CRASHED']);
  t.same(launchers().flatMap(childrenOf), []);
  t.same(processesWith(dir), []);
});

t.test(`the guest, ${times} times`, async (t) => {
  const runner = sandbox(t, { execution: { concurrency: 4 } });
  const dir = project(t, slow);
  const seen = new Set();
  for (let i = 0; i < times; i++) {
    const run = runner.run({ file: 'handler.mjs', export: 'handle' }, 0, {
      requestId: 'r',
      workdir: dir,
    });
    const find = () => launchers().flatMap(childrenOf).flatMap(childrenOf);
    await until(() => find().length > 0, 'a guest');
    await pause(Math.random() * 60);
    find().forEach(shoot);
    const { error } = await run;
    seen.add(`${error?.code} ${error?.details?.signal}`);
  }
  t.same([...seen], ['PROCESS_CRASHED SIGKILL']);
});

t.test(`the host, ${times} times`, async (t) => {
  const dir = project(t, {
    'handler.mjs': slow,
    'host.mjs': `
      import { createSandboxRunner } from '${lib}';
      const runner = createSandboxRunner({ startup: process.argv[2] });
      const workdir = new URL('.', import.meta.url).pathname;
      for (let i = 0; i < 2; i++)
        runner.run({ file: 'handler.mjs', export: 'handle' }, 0, { requestId: 'r', workdir });
      console.log('started');`,
  });
  let next = 0;
  // Some at a time, which is rougher on them, and shorter.
  const shooting = Array.from({ length: 4 }, async () => {
    for (let i = next++; i < times; i = next++) {
      const host = spawn(process.execPath, [`${dir}/host.mjs`, i % 2 ? 'fork' : 'spawn'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = new Promise((resolve) => host.once('exit', resolve));
      // Random moments: some before the first run, most in its middle.
      if (i % 10 > 1) await new Promise((resolve) => host.stdout.once('data', resolve));
      await pause(Math.random() * 80);
      host.kill('SIGKILL');
      await exited;
      t.notOk(isAlive(Number(host.pid)));
    }
  });
  await Promise.all(shooting);
  await until(() => processesWith(dir).length === 0, 'the end of all guests');
  t.pass('nothing is left');
});
