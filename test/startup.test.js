// Which start-up is chosen, and what is said of it.
import t from 'tap';
import { CpuHistory } from '../lib/learning.js';
import { Startups } from '../lib/startups.js';
import { canFork, chooseStartup, explainStartup, noteForks, trialFailure } from '../lib/startup.js';
import { parseConfig } from '../lib/config.js';

const all = { filtered: true, complete: true, brokered: true };

t.test('what has to be spawned, and why', async (t) => {
  const config = parseConfig({ startup: 'fork' });
  t.match(chooseStartup(config, all), { startup: 'fork', why: /'fork'/ });
  t.match(chooseStartup(config, { ...all, filtered: false }), {
    startup: 'spawn',
    why: /system call filter/,
  });
  t.match(chooseStartup(config, { ...all, complete: false }), { startup: 'fork' });
  for (const startup of ['auto', 'fork'])
    t.match(chooseStartup(parseConfig({ startup }), { ...all, brokered: false }), {
      startup: 'spawn',
      why: /pidfd_getfd.*Landlock/,
    });
  const preloading = parseConfig({ execution: { preload: ['a'] } });
  t.match(chooseStartup(preloading, all), { startup: 'auto' });
  t.match(chooseStartup(preloading, { ...all, complete: false }), {
    startup: 'spawn',
    why: /execution\.preload/,
  });
  const spawning = parseConfig({ permissions: { capabilities: ['process:spawn'] } });
  t.match(chooseStartup(spawning, all), { startup: 'spawn', why: /process:spawn/ });
});

t.test('a verdict on a build', async (t) => {
  const auto = { startup: /** @type {const} */ ('auto'), why: '' };
  t.equal(canFork('/a'), undefined);
  t.match(explainStartup(auto, '/a'), { startup: 'spawn', startupReason: /not been tried/ });
  noteForks('/a', true);
  t.equal(canFork('/a'), true);
  t.match(explainStartup(auto, '/a'), { startup: 'fork', startupReason: /works/ });
  t.match(explainStartup(auto, '/a', 'trouble'), { startup: 'spawn', startupReason: 'trouble' });
  noteForks('/a', false, 'it broke');
  noteForks('/a', true);
  t.equal(canFork('/a'), false, 'what failed once is not relied on again');
  t.match(explainStartup(auto, '/a'), { startup: 'spawn', startupReason: /failed: it broke$/ });
  t.equal(canFork('/b'), undefined, 'each build has its own');
  const fork = { startup: /** @type {const} */ ('fork'), why: 'so' };
  t.match(explainStartup(fork, '/a'), { startup: 'fork', startupReason: 'so' });
});

t.test('why a trial failed', async (t) => {
  const good = { kind: 'exit', reason: 'none', result: Buffer.from('1'), error: null };
  t.equal(trialFailure(good), undefined);
  const none = { ...good, result: null };
  for (const [outcome, why] of /** @type {[object, RegExp][]} */ ([
    [{ kind: 'setup', stage: 'fork', message: 'no memory' }, /no memory \(fork\)/],
    [{ kind: 'launcher-lost' }, /launcher/],
    [{ ...good, reason: 'kill' }, /in time/],
    [{ ...good, reason: 'memory' }, /supervisor \(memory\)/],
    [{ ...none, error: Buffer.from('{"code":"X"}') }, /X/],
    [{ ...none, signal: 'SIGSEGV' }, /SIGSEGV/],
    [{ ...none, signal: null, exitCode: 3 }, /exit code 3/],
  ]))
    t.match(trialFailure(outcome), why);
});

t.test('long handlers', async (t) => {
  const history = new CpuHistory();
  t.notOk(history.isLong('a'), 'nothing is known yet');
  history.note('a', 900);
  t.notOk(history.isLong('a'));
  history.note('a', 5000);
  t.ok(history.isLong('a'), 'a mean above a second');
  t.notOk(history.isLong('b'));
  history.note('a', 600);
  t.ok(history.isLong('a'), 'one short run does not change it');
  for (let i = 0; i < 20; i++) history.note('a', 800);
  t.ok(history.isLong('a'), 'nor do some that are nearly as long');
  for (let i = 0; i < 20; i++) history.note('a', 100);
  t.notOk(history.isLong('a'));
  for (let i = 0; i < 20; i++) history.note('a', 900);
  t.notOk(history.isLong('a'));
  history.note('long', 2000);
  for (let i = 0; i < 3000; i++) history.note(`${i}`, 1);
  t.equal(history.size, 1000, 'it is bounded');
  t.notOk(history.isLong('long'), 'and forgets what has not run for long');
});

t.test('a handler is known by its file, wherever it is run', async (t) => {
  const startups = new Startups([], { grants: [], writable: [] });
  const request = (/** @type {string} */ workdir, more = {}) =>
    /** @type {any} */ ({
      file: '/srv/handler.mjs',
      found: '/srv/handler.mjs',
      export: 'handle',
      root: workdir,
      workdir,
      ...more,
    });
  const learn = (/** @type {any} */ one) =>
    startups.learn(
      one,
      /** @type {any} */ ({}),
      { usage: { userUs: 2e6, systemUs: 0 } },
      { ok: true },
      '',
    );
  const isLong = (/** @type {any} */ one) =>
    startups.plan(one, { grants: [] }, 'auto', true, '').long;
  learn(request('/runs/1'));
  t.equal(isLong(request('/runs/2')), true);
  t.equal(isLong(request('/runs/2', { export: 'other' })), false);
  t.equal(isLong(request('/runs/1', { found: '/srv/other.mjs' })), false);
});
