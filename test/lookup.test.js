// The resolver of the host, against a name server of the test's own: what it answers, that a name
// which nobody answers keeps nobody else's waiting, and what ends with a run.
import dgram from 'node:dgram';
import dns from 'node:dns';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { Lookups } from '../lib/lookup.js';
import { readSystem } from '../lib/nameservice.js';

const A = 1;
const AAAA = 28;

/** @param {Buffer} message @returns {{ name: string, type: number, end: number }} */
function questionOf(message) {
  const labels = [];
  let at = 12;
  for (; message[at] > 0; at += 1 + message[at])
    labels.push(message.toString('latin1', at + 1, at + 1 + message[at]));
  return { name: labels.join('.'), type: message.readUInt16BE(at + 1), end: at + 5 };
}

/**
 * A name server. `answer` gives bytes of addresses, 'gone', 'failed', or undefined for no answer.
 *
 * @param {any} t
 * @param {(name: string, type: number) => number[][] | 'gone' | 'failed' | undefined} answer
 */
async function serve(t, answer) {
  /** @type {string[]} */
  const asked = [];
  const server = dgram.createSocket('udp4');
  server.on('message', (message, from) => {
    const { name, type, end } = questionOf(message);
    asked.push(`${name} ${type}`);
    const found = answer(name, type);
    if (found === undefined) return;
    const list = Array.isArray(found) ? found : [];
    const head = Buffer.from(message.subarray(0, 12));
    const code = found === 'gone' ? 3 : found === 'failed' ? 2 : 0;
    head.writeUInt16BE(0x8180 | code, 2);
    head.writeUInt16BE(list.length, 6);
    head.fill(0, 8, 12);
    const records = list.map((ip) =>
      Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 1, 0, ip.length, ...ip]),
    );
    const all = Buffer.concat([head, message.subarray(12, end), ...records]);
    server.send(all, from.port, from.address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { asked, port: server.address().port };
}

/** @param {any} t @param {number} port @param {Record<string, string>} [files] */
function etc(t, port, files = {}) {
  const dir = t.testdir({
    'nsswitch.conf': 'passwd: files\nhosts: files dns # both\n',
    'resolv.conf': `nameserver 127.0.0.1:${port}\noptions timeout:30 attempts:5\n`,
    hosts: '127.0.0.1 localhost\n192.0.2.77 known.test\n',
    ...files,
  });
  return { dir, lookups: new Lookups(dir) };
}

/** @param {string} name @param {number} [family] @param {number} [hints] */
const question = (name, family = 0, hints = 0) => ({ lookup: 1, name, family, hints });
const four = [192, 0, 2, 1];
const six = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

t.test('what getaddrinfo(3) would answer', async (t) => {
  const { port, asked } = await serve(t, (name, type) => {
    if (name.startsWith('gone')) return 'gone';
    if (name.startsWith('failed')) return 'failed';
    if (name.startsWith('four') && type === AAAA) return [];
    if (name === 'half.test' && type === AAAA) return 'failed';
    if (name === 'short') return 'gone';
    return type === A ? [four] : [six];
  });
  const { lookups } = etc(t, port, {
    'resolv.conf': `; a comment\nsearch one.example two.example\nnameserver 127.0.0.1:${port}\n`,
  });
  const of = async (/** @type {string} */ name, family = 0, hints = 0) => {
    const { addresses, error } = await lookups.resolve({}, {}, question(name, family, hints));
    return error || addresses.sort().join(' ');
  };
  t.equal(await of('both.test'), '192.0.2.1 2001:db8::1');
  t.equal(await of('both.test', 4), '192.0.2.1');
  t.equal(await of('both.test', 6), '2001:db8::1');
  t.equal(await of('both.test', 6, dns.V4MAPPED), '2001:db8::1');
  t.equal(await of('both.test', 6, dns.V4MAPPED | dns.ALL), '2001:db8::1 ::ffff:192.0.2.1');
  t.equal(await of('four.test', 6, dns.V4MAPPED), '::ffff:192.0.2.1');
  t.equal(await of('four.test', 6), 'ENOTFOUND -3008');
  t.equal(await of('half.test'), '192.0.2.1', 'one half failed');
  t.equal(await of('gone.test'), 'ENOTFOUND -3008');
  t.equal(await of('failed.test'), 'EAI_AGAIN -3001');
  asked.length = 0;
  t.equal(await of('short', 4), '192.0.2.1');
  t.same(asked, ['short.one.example 1'], 'a name without a dot: the search list first');
  asked.length = 0;
  t.equal(await of('gone.a.test', 4), 'ENOTFOUND -3008');
  t.same(asked, ['gone.a.test 1', 'gone.a.test.one.example 1', 'gone.a.test.two.example 1']);
});

t.test('who is asked', (t) => {
  const resolv = 'nameserver 192.0.2.53\noptions ndots:5 edns0 attempts:1\n';
  const plain = (/** @type {string} */ hosts, text = resolv) =>
    readSystem(`hosts: ${hosts}`, text).plain;
  t.ok(plain('files dns'));
  t.ok(plain('files mdns4_minimal [NOTFOUND=return] dns myhostname'));
  t.notOk(plain('files ldap dns'));
  t.notOk(plain('dns files'), 'a name of the hosts file may lead elsewhere');
  t.notOk(plain('files'));
  t.notOk(plain('files resolve [!UNAVAIL=return] dns'));
  t.ok(plain('files resolve [!UNAVAIL=return] dns', 'nameserver 127.0.0.53'));
  t.notOk(plain('files dns', ''), 'no name server');
  t.ok(readSystem('', resolv).plain, 'no nsswitch.conf, as with musl');
  t.match(readSystem('', resolv), { ndots: 5, tries: 1, timeout: 5000 });
  t.end();
});

t.test('names that nobody answers keep no other run and no other runner waiting', async (t) => {
  const { port } = await serve(t, (name, type) =>
    name.startsWith('slow') ? undefined : type === A ? [four] : [],
  );
  const { lookups } = etc(t, port);
  const [hostile, good] = [{}, {}];
  const stuck = Array.from({ length: 8 }, (_, i) => {
    const run = {};
    const names = Array.from({ length: 20 }, (_, j) =>
      lookups.resolve(i < 4 ? hostile : {}, run, question(`slow${j}.test`)),
    );
    return { run, names };
  });
  const late = new Promise((resolve) => {
    setTimeout(resolve, 20_000, 'late').unref();
  });
  for (const runner of [hostile, good]) {
    const answer = await Promise.race([lookups.resolve(runner, {}, question('quick.test')), late]);
    t.same(answer, { addresses: ['192.0.2.1'], error: '' });
  }
  // Its own name server would have been waited for for a minute.
  for (const { run } of stuck) lookups.forget(run);
  const ended = await Promise.race([Promise.all(stuck.map(({ names }) => names[0])), late]);
  t.match(ended, [{ error: 'EAI_AGAIN -3001' }], 'what was under way ends with its run');
});

t.test('a name that is no name server’s to know takes a thread, one for a runner', async (t) => {
  const { port, asked } = await serve(t, () => [four]);
  const { lookups } = etc(t, port, { 'nsswitch.conf': 'hosts: files ldap dns\n' });
  /** @type {{ name: string, done: Function }[]} */
  const calls = [];
  const original = dns.lookup;
  t.teardown(() => {
    dns.lookup = original;
  });
  // As one that only looks on is marked, it counts as Node.js's own.
  dns.lookup = /** @type {any} */ (
    Object.assign(
      (/** @type {string} */ name, /** @type {any} */ _, /** @type {Function} */ done) =>
        calls.push({ name, done }),
      { __wrapped: true, __original: original },
    )
  );
  const [a, b, c, one, two] = [{}, {}, {}, {}, {}];
  const all = [
    lookups.resolve(a, one, question('a1.test')),
    lookups.resolve(a, one, question('a2.test')),
    lookups.resolve(a, two, question('a3.test')),
    lookups.resolve(b, {}, question('b1.test')),
    lookups.resolve(c, {}, question('c1.test')),
  ];
  const turn = () => new Promise((resolve) => void setImmediate(resolve));
  const answer = async (/** @type {number} */ i) => {
    calls[i].done(null, [{ address: '192.0.2.9', family: 4 }]);
    await turn();
  };
  const names = () => calls.map(({ name }) => name).join(' ');
  await turn();
  t.equal(names(), 'a1.test b1.test', 'one of each');
  await answer(0);
  t.equal(names(), 'a1.test b1.test c1.test', 'a runner that has had no turn comes first');
  await answer(2);
  t.equal(names(), 'a1.test b1.test c1.test a3.test', 'a run that has had no turn comes first');
  await answer(3);
  await answer(4);
  await answer(1);
  t.equal((await Promise.all(all)).length, 5);
  t.same(asked, []);
});

t.test('what the application has put in the place of dns.lookup is asked', async (t) => {
  const { port, asked } = await serve(t, () => [four]);
  const { lookups } = etc(t, port);
  const original = dns.lookup;
  dns.lookup = /** @type {any} */ (
    (/** @type {string} */ _, /** @type {any} */ __, /** @type {Function} */ done) =>
      done(null, [{ address: '192.0.2.9', family: 4 }])
  );
  t.teardown(() => {
    dns.lookup = original;
  });
  const { addresses } = await lookups.resolve({}, {}, question('a.test'));
  t.same([addresses, asked], [['192.0.2.9'], []]);
});

t.test('files of /etc are read again when they change', async (t) => {
  const { port } = await serve(t, (_, type) => (type === A ? [four] : []));
  const { dir, lookups } = etc(t, port);
  const of = async (/** @type {string} */ name) =>
    (await lookups.resolve({}, {}, question(name))).addresses;
  t.same(await of('a.test'), ['192.0.2.1']);
  const other = await serve(t, (_, type) => (type === A ? [[192, 0, 2, 2]] : []));
  fs.writeFileSync(path.join(dir, 'resolv.conf'), `# new\nnameserver 127.0.0.1:${other.port}\n`);
  t.same(await of('a.test'), ['192.0.2.2']);
});
