// Names at the addon's surface: what openRunner and answerLookup take. What guests ask for is in
// test/network.
import t from 'tap';
import { addon, launcherFile, open, options, policy } from './helper.js';

const RULES = 128;
const SECCOMP = 2;

t.test('patterns are checked one by one', async (t) => {
  const good = [
    'a.example',
    '*.a.example:443',
    '*',
    '10.0.0.0/8',
    '[::1]:80',
    '::/0',
    'A.Example.',
  ];
  for (const pattern of good) t.equal(addon.checkHost({ pattern }), null, pattern);
  for (const pattern of [
    '',
    ' ',
    'a b',
    'http://a',
    '1.2.3',
    'a:0',
    '10.0.0.1/8',
    '*a',
    'ü.example',
  ])
    t.type(addon.checkHost({ pattern }), 'string', pattern);
  t.throws(() => addon.checkHost({}), TypeError);
  t.throws(() => addon.checkHost({ pattern: 'a\0b' }), TypeError);
  t.throws(() => addon.checkHost(), TypeError);
});

t.test('a policy whose rules do not compile opens no runner', async (t) => {
  const bad = policy({ use: SECCOMP, permit: RULES, netAllow: ['a b'] });
  const onClose = () => {};
  t.throws(() => addon.openRunner({ launcher: launcherFile, policy: bad, onClose }), {
    code: 'ERR_SBX_POLICY',
    message: /network\.allow: 'a b'/,
  });
  // It is not closed before it has failed by itself.
  const { closed, close } = open({ permit: RULES, netAllow: ['a.example'] });
  const alive = setInterval(() => {}, 1000); // Which a runner without runs does not.
  t.match(await closed, { stage: 'seccomp', message: /filter/ }, 'nor without the filter');
  clearInterval(alive);
  await close();
});

t.test('answers that nobody waits for', async (t) => {
  const { runner, close } = open();
  const answer = { lookup: 1, addresses: ['192.0.2.1'], error: '' };
  /** @type {any} */
  let run;
  const outcome = await new Promise((resolve) => {
    run = addon.startRun(runner, options({ mode: 'none' }, { onDone: resolve }));
    t.equal(addon.answerLookup(run, answer), undefined, 'of a run that asked for nothing');
    for (const key of Object.keys(answer)) {
      const wrong = { ...answer, [key]: null };
      t.throws(() => addon.answerLookup(run, wrong), { message: new RegExp(key) }, key);
    }
    t.throws(() => addon.answerLookup(run, { ...answer, error: 'x'.repeat(65) }), TypeError);
    t.throws(() => addon.answerLookup({}, answer), TypeError);
    addon.endRun(run, true);
  });
  t.equal(/** @type {any} */ (outcome).network, null);
  t.equal(addon.answerLookup(run, answer), undefined, 'of one that is over');
  await close();
});
