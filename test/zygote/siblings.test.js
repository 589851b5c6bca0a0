// Two guests of one zygote: neither sees, signals or reads the other, or the zygote, or leaves
// anything for the next.
import t from 'tap';
import { handler, project, run, until } from '../run/helper.js';
import { forking, hasNamespaces, preloaded } from './helper.js';
import fs from 'node:fs';
import { needs } from '../needs.js';

const victim = handler(`
  process.env.SECRET = 'the secret in the environment';
  globalThis.secret = Buffer.from('the secret in memory');
  (await import('node:fs')).writeFileSync(ctx.outdir + '/pid', String(process.pid));
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  return 'unharmed';`);

const attacker = handler(`
  const fs = await import('node:fs');
  const found = { signalled: [], listed: [], read: [] };
  const targets = new Set([1, 2, process.ppid, input.victim]);
  for (let pid = 1; pid < 200; pid++) targets.add(pid);
  for (let pid = process.pid - 50; pid < process.pid + 50; pid++) targets.add(pid);
  targets.delete(process.pid);
  for (const pid of targets) {
    if (pid <= 0) continue;
    for (const signal of [0, 'SIGTERM', 'SIGSTOP']) {
      try { process.kill(pid, signal); found.signalled.push(pid); } catch {}
    }
    for (const name of ['mem', 'maps', 'environ', 'fd', 'cwd', 'root', 'cmdline', 'status', 'stat', 'auxv',
      'syscall', 'stack', 'task/' + pid + '/mem', 'exe', 'io']) {
      const file = '/proc/' + pid + '/' + name;
      try { fs.readFileSync(file); found.read.push(file); } catch {}
      try { fs.readdirSync(file); found.read.push(file); } catch {}
      try { fs.readlinkSync(file); found.read.push(file); } catch {}
      try { fs.closeSync(fs.openSync(file, 'r+')); found.read.push(file); } catch {}
    }
  }
  for (const signal of ['SIGTERM', 0]) {
    for (const group of [-1, -process.pid, -input.victim]) {
      try { process.kill(group, signal); found.signalled.push(group); } catch {}
    }
  }
  try { found.listed = fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && name !== String(process.pid)); } catch {}
  try { found.priority = (await import('node:os')).setPriority(input.victim, 19); found.signalled.push('nice'); } catch {}
  return found;`);

/**
 * Runs of handlers in one directory, so that they are siblings with execution.preload as well.
 *
 * @param {any} t @param {any} runner @param {Record<string, string>} handlers @param {object} [ctx]
 */
function together(t, runner, handlers, ctx = {}) {
  const dir = project(t, handlers);
  return (/** @type {string} */ file, /** @type {unknown} */ input = undefined) =>
    runner.run({ file, export: 'handle' }, input, { requestId: 'r', workdir: dir, ...ctx });
}

t.test('a guest beside another', async (t) => {
  const runner = forking(t, { execution: { timeoutMs: 60_000, concurrency: 4 } });
  const out = project(t, { x: '' });
  fs.chmodSync(out, 0o777);
  const handlers = { 'victim.mjs': victim, 'attacker.mjs': attacker };
  const call = together(t, runner, handlers, { outdir: out });
  const going = call('victim.mjs');
  await until(() => fs.existsSync(`${out}/pid`) && fs.readFileSync(`${out}/pid`, 'utf8'), 'a pid');
  const pid = Number(fs.readFileSync(`${out}/pid`, 'utf8'));
  const { data, error } = await call('attacker.mjs', { victim: pid });
  t.equal(error, undefined, JSON.stringify(error));
  // Its own group and "all that it may signal" are itself alone, which it survived: refused too.
  t.same(data.signalled, []);
  // Without namespaces the files of other processes can be looked at, as WITHOUT_NAMESPACES says.
  if (hasNamespaces()) {
    t.same(data.read, []);
    t.same(data.listed, []);
  } else {
    t.same(
      data.read.filter((/** @type {string} */ file) => !/\/(stat|status|cmdline)$/.test(file)),
      [],
    );
  }
  const { ok, data: said } = await going;
  t.ok(ok);
  t.equal(said, 'unharmed');
});

t.test('what was left in /tmp is not there for the next', async (t) => {
  if (!needs(t, 'namespaces')) return;
  const runner = forking(t);
  const write = handler(`
    const fs = await import('node:fs');
    fs.writeFileSync('/tmp/left', 'x');
    return fs.readdirSync('/tmp').includes('left');`);
  // With execution.preload there is none.
  if (!preloaded) t.match(await run(t, write, { runner }), { ok: true, data: true });
  const look = handler(`
    const fs = await import('node:fs');
    return ['/tmp/left', '/dev/shm/left', '/left'].filter((file) => fs.existsSync(file));`);
  t.same((await run(t, look, { runner })).data, []);
});

t.test('no socket by which guests could find each other', async (t) => {
  const runner = forking(t);
  const listen = handler(`
    const net = await import('node:net');
    return await new Promise((resolve) => {
      const server = net.createServer().on('error', (e) => resolve(e.code)).listen(input, () => resolve('listens'));
    });`);
  for (const address of ['\0sandbox-test', '/tmp/sandbox-test.sock', 0])
    t.not((await run(t, listen, { runner, input: address })).data, 'listens', String(address));
});

t.test('an event loop of its own', async (t) => {
  const runner = forking(t, { execution: { concurrency: 4 } });
  // Anonymous: which object it is shows in what others see of it.
  const bump = handler(`
    const fs = await import('node:fs');
    for (const fd of fs.readdirSync('/proc/self/fd')) {
      try {
        if (!fs.readlinkSync('/proc/self/fd/' + fd).includes('eventfd')) continue;
        fs.writeSync(Number(fd), Buffer.from(new BigUint64Array([0x100000n]).buffer));
      } catch {}
    }
    await new Promise((resolve) => setTimeout(resolve, input));
    const counts = fs.readdirSync('/proc/self/fd').map((fd) => {
      try { return Number.parseInt(/eventfd-count: *([0-9a-f]+)/.exec(fs.readFileSync('/proc/self/fdinfo/' + fd, 'utf8'))?.[1] ?? '0', 16); }
      catch { return 0; }
    });
    return Math.max(...counts);`);
  const call = together(t, runner, { 'bump.mjs': bump });
  const results = await Promise.all([500, 500, 500, 500].map((ms) => call('bump.mjs', ms)));
  for (const { data, error } of results) t.ok(data <= 0x100000, JSON.stringify(error ?? data));
});

t.test('a guest has no descriptor of the zygote or of a sibling', async (t) => {
  const runner = forking(t, { execution: { concurrency: 10 } });
  const body = handler(`
    const fs = await import('node:fs');
    await new Promise((resolve) => setTimeout(resolve, 300));
    return fs.readdirSync('/proc/self/fd').map((fd) => {
      try { return fs.readlinkSync('/proc/self/fd/' + fd); } catch { return ''; }
    });`);
  const call = together(t, runner, { 'body.mjs': body });
  const all = await Promise.all(Array.from({ length: 6 }, () => call('body.mjs')));
  // Pipes have numbers of their own in the whole system. (Those of the output are the runs'.)
  const pipes = all.flatMap(({ data }) => [
    ...new Set(data.filter((/** @type {string} */ to) => to.startsWith('pipe:'))),
  ]);
  t.equal(new Set(pipes).size, pipes.length, 'no pipe is open in two guests');
  for (const { data } of all) {
    const sockets = data.filter((/** @type {string} */ to) => to.startsWith('socket:'));
    t.equal(sockets.length, 1, 'one socket, the data socket');
    t.same(
      data.filter((/** @type {string} */ to) => /pidfd|memfd|signalfd|\/io$/.test(to)),
      [],
    );
  }
});
