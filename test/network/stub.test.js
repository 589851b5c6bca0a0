// The stub resolver: programs of other runtimes than Node.js, which a handler starts, resolve names as
// dns.lookup does, with the same policy.
import dgram from 'node:dgram';
import { once } from 'node:events';
import t from 'tap';
import { needs } from '../needs.js';
import { compileProgram } from './fixtures/program.js';
import { hasNamespaces } from '../zygote/helper.js';
import { NEVER, handler, hosts, resolver, run, serveHttp } from './helper.js';

const { dir, program } = compileProgram(t);
const apart = hasNamespaces();

const NO_NAME = 'Name or service not known';

/** @param {string[]} allow @param {string[]} [deny] @param {string[]} [capabilities] */
function configure(allow, deny = [], capabilities = ['process:spawn']) {
  const { permissions, monitoring } = hosts(allow, deny);
  const filesystem = { allow: [dir], readOnly: true };
  return { monitoring, permissions: { ...permissions, capabilities, filesystem } };
}

const code = `import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
${handler(`
  const { stdout } = await promisify(execFile)(input.program, input.args);
  return stdout.trimEnd().split('\\n');
`)}`;

/**
 * @param {any} t
 * @param {any} config
 * @param {string[]} args
 * @param {object} [ctx]
 */
function play(t, config, args, ctx) {
  return run(t, code, { config, input: { program, args }, ctx });
}

t.test('a program resolves what is allowed, and connects to it', async (t) => {
  const { port } = await serveHttp(t);
  const asked = resolver(t, (name) =>
    name.toLowerCase().startsWith('a.test') ? '127.0.0.1' : '192.0.2.1',
  );
  const config = configure(['a.test', `127.0.0.1:${port}`, 'other.test']);
  const { data, error, metrics } = await play(t, config, [
    `get:a.test:${port}`,
    `get:b.test:${port}`,
    'name:A.Test.',
    'name:other.test',
  ]);
  t.equal(error, undefined);
  t.same(data, ['HTTP/1.1 200 OK', NO_NAME, '127.0.0.1', '192.0.2.1']);
  t.notOk(asked.includes('b.test'), 'what no rule allows is not resolved');
  t.match(
    metrics.network.find((/** @type {any} */ { name }) => name === 'b.test'),
    { allowed: false },
  );
  t.match(
    metrics.network.find((/** @type {any} */ { address }) => address === '127.0.0.1'),
    { allowed: true, name: 'a.test', port },
  );
  t.notOk(
    metrics.network.some((/** @type {any} */ row) => row.port === 53),
    'the stub is no network',
  );
});

t.test('names are judged as those of dns.lookup are', async (t) => {
  resolver(t, (name) => {
    if (name === 'gone.test') return undefined;
    if (name === 'again.test')
      return Object.assign(new Error('again'), { code: 'EAI_AGAIN', errno: -3001 });
    return (
      { 'loop.test': '127.0.0.1', 'metadata.test': '169.254.169.254', 'private.test': '10.0.0.1' }[
        name
      ] ?? ['198.51.100.7', '10.0.0.1', '2606:4700::1']
    );
  });
  const names = ['loop', 'metadata', 'private', 'gone', 'bad', 'mixed', 'again'];
  const { data, metrics } = await play(
    t,
    configure(['*.test'], ['bad.test']),
    names.map((name) => `name:${name}.test`),
  );
  t.same(data.slice(0, 5), [NO_NAME, NO_NAME, NO_NAME, NO_NAME, NO_NAME]);
  t.same(data[5].split(' ').sort(), ['198.51.100.7', '2606:4700::1'], 'public ones alone');
  t.match(data[6], /^Temporary failure/);
  const refused = metrics.network.filter((/** @type {any} */ { allowed }) => !allowed);
  t.same(
    new Set(refused.flatMap((/** @type {any} */ { name }) => name ?? [])),
    new Set(['loop.test', 'metadata.test', 'private.test', 'bad.test']),
  );
});

t.test('rebinding between two lookups leads nowhere', async (t) => {
  const { port, connections } = await serveHttp(t);
  resolver(t, () => '127.0.0.1');
  const { data } = await play(t, configure(['a.test']), [`get:a.test:${port}`]);
  t.same(data, [NO_NAME]);
  t.equal(connections(), 0);
});

t.test('what was resolved is open for this run alone', async (t) => {
  const { port } = await serveHttp(t);
  resolver(t, () => '127.0.0.1');
  const config = configure(['a.test', '127.0.0.1:9']);
  const { data } = await play(t, config, ['name:a.test', `get:127.0.0.1:${port}`]);
  t.same(data, ['127.0.0.1', 'connect: Permission denied'], 'inward at that port');
});

t.test('many at a time, and one that nobody answers', async (t) => {
  resolver(t, (name) => (name === 'slow.test' ? NEVER : '198.51.100.1'));
  const { data } = await play(t, configure(['*.test']), ['many:a.test:40']);
  t.same(data, ['40']);
  const stop = new AbortController();
  const slow = play(t, configure(['*.test']), ['name:slow.test'], { signal: stop.signal });
  const fast = await play(t, configure(['*.test']), ['name:fast.test']);
  t.same(fast.data, ['198.51.100.1'], 'another run is answered meanwhile');
  stop.abort();
  t.match(await slow, { error: { code: 'ABORTED' } });
});

t.test('questions of other kinds, and bytes that are none', async (t) => {
  const asked = resolver(t, () => '198.51.100.1');
  const ask = (/** @type {string} */ name, type = 1, head = '123401000001000000000000') => {
    const labels = name
      .split('.')
      .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1'));
    const question = Buffer.concat([...labels, Buffer.from([0, type >> 8, type, 0, 1])]);
    const message = Buffer.concat([Buffer.from(head, 'hex'), question]);
    return Buffer.concat([Buffer.from([0, message.length]), message]).toString('hex');
  };
  const flags = (/** @type {string} */ answer) => answer.slice(8, 12);
  const { data, error } = await play(t, configure(['a.test']), [
    `raw:${ask('a.test', 16)}`,
    `raw:${ask('a.test', 255)}`,
    `raw:${ask('a b.test')}`,
    `raw:${ask('a.test', 1, '123481000001000000000000')}`,
    `raw:${ask('a.test', 1, '123409000001000000000000')}`,
    `raw:${ask('a.test', 1, '123401000002000000000000')}`,
    'raw:ffff',
    'raw:0003616263',
    `raw:${ask('a.test')}${ask('b.test')}${ask('a.test', 28)}`,
  ]);
  t.equal(error, undefined);
  t.equal(flags(data[0]), '8184', 'TXT is not served');
  t.equal(flags(data[1]), '8184', 'neither is ANY');
  t.equal(flags(data[2]), '8183', 'no name of a host');
  t.equal(data[3], '', 'an answer is no question');
  t.equal(flags(data[4]), '8984', 'another operation');
  t.equal(flags(data[5]), '8181', 'two questions');
  t.equal(data[6], '', 'a message that is too long');
  t.equal(data[7], '', 'one that is too short');
  t.match(data[8], /8180.*c633640100.*8183.*8180/, 'one after the other');
  t.same(new Set(asked), new Set(['a.test']));
});

t.test('beside other capabilities, and without any network', async (t) => {
  resolver(t, () => '198.51.100.1');
  const all = ['process:spawn', 'net:listen', 'net:udp'];
  const asked = ['name:a.test', 'go:a.test:127.0.0.1', 'musl:a.test:127.0.0.1'];
  const { data } = await play(t, configure(['a.test'], [], all), asked);
  t.same(data, ['198.51.100.1', 'Permission denied', 'Permission denied']);
  const none = await play(t, configure([]), ['name:a.test', 'raw:00', 'go:a.test:127.0.0.1']);
  t.match(none.data[0], /^Temporary failure|not known/);
  t.match(none.data[1], /^connect: /);
  t.equal(none.data[2], 'Permission denied');
});

t.test(
  'over UDP: where there is no network for it, sockets are refused',
  { skip: apart },
  async (t) => {
    const { data } = await play(t, configure(['a.test']), ['go:a.test:127.0.0.1', 'to:53:::1']);
    t.match(data, ['Permission denied', /^(Bad file descriptor\. ){4}/]);
  },
);

t.test('over UDP: as musl, Go and glibc ask', async (t) => {
  if (!needs(t, 'namespaces')) return;
  const asked = resolver(t, (name) =>
    name === 'again.test'
      ? Object.assign(new Error('again'), { code: 'EAI_AGAIN', errno: -3001 })
      : name === 'private.test'
        ? '10.0.0.1'
        : ['198.51.100.1', '198.51.100.2', '2606:4700::1'],
  );
  const config = configure(['*.test'], ['bad.test']);
  const { data, error, metrics } = await play(t, config, [
    'musl:a.test:127.0.0.1',
    'musl:a.test:127.0.0.53',
    'musl:a.test:::1',
    'go:a.test:127.0.0.1',
    'go:a.test:::1',
    'musl:bad.test:127.0.0.1',
    'musl:other.example:127.0.0.1',
    'musl:private.test:127.0.0.1',
    'musl:again.test:127.0.0.1',
    'many-udp:m.test:60',
  ]);
  t.equal(error, undefined);
  // Two questions of musl, answered in any order.
  const both = (/** @type {string} */ said) => said.split(' ').sort();
  for (const i of [0, 1, 2]) t.same(both(data[i]), ['0:1', '0:2', 'musl']);
  for (const i of [3, 4]) t.match(data[i], /^go 0:2 2 (?:0:2 0:1|0:1 0:2)$/);
  for (const i of [5, 6, 7]) t.equal(data[i], 'musl 3:0 3:0');
  t.equal(data[8], 'musl 2:0 2:0', 'to be asked again');
  t.equal(data[9], '60');
  t.notOk(asked.some((name) => name.startsWith('bad') || name.startsWith('other')));
  t.match(
    metrics.network.find((/** @type {any} */ { name }) => name === 'bad.test'),
    { allowed: false },
  );
  t.notOk(metrics.network.some((/** @type {any} */ { port }) => port !== undefined));
});

t.test('over UDP: nothing but the stub is reached', async (t) => {
  if (!needs(t, 'namespaces')) return;
  const mine = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(mine, 'listening');
  t.teardown(() => mine.close());
  /** @type {unknown[]} */
  const seen = [];
  mine.on('message', (data) => seen.push(data));
  const { port } = mine.address();
  const config = configure(['*.test', `127.0.0.1:${port}`, '192.0.2.1']);
  const to = [`${port}:127.0.0.1`, '53:192.0.2.1', '53:8.8.8.8', '5353:224.0.0.251', '8125:::1'];
  const { data } = await play(t, config, [
    ...to.map((place) => `to:${place}`),
    'name:127.0.0.1',
    'to:65535:127.0.0.1',
  ]);
  const refused = 'Permission denied. '.repeat(4).trimEnd();
  for (const [i, place] of to.entries()) t.equal(data[i].trimEnd(), refused, place);
  t.match(data[6], /^Permission denied\. Permission denied\. open\. Perm/, 'what musl asks itself');
  t.same(seen, [], 'nothing has come out');
});

t.test('a program with musl, as it is', async (t) => {
  if (!needs(t, 'namespaces', 'program:musl-gcc')) return;
  const { port } = await serveHttp(t);
  resolver(t, (name) => (name === 'a.test' ? '127.0.0.1' : ['198.51.100.1', '2606:4700::1']));
  const musl = compileProgram(t, ['musl-gcc', '-static']);
  const { permissions, monitoring } = configure(['*.test', `127.0.0.1:${port}`]);
  const config = { monitoring, permissions: { ...permissions, filesystem: { allow: [musl.dir] } } };
  const input = {
    program: musl.program,
    args: [`get:a.test:${port}`, 'name:b.test', 'name:b.example', 'many:c.test:20'],
  };
  const { data } = await run(t, code, { config, input });
  t.equal(data[0], 'HTTP/1.1 200 OK');
  t.same(data[1].split(' ').sort(), ['198.51.100.1', '2606:4700::1']);
  t.match(data[2], /does not resolve/);
  t.equal(data[3], '20');
});
