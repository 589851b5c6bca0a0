// The same rules as root and as an ordinary user (CI plays it as either), spawned and forked, with and
// without namespaces and Landlock, and on a machine where nobody can be asked.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { compileProgram } from './fixtures/program.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const host = path.join(here, 'fixtures', 'host.js');
const native = path.join(here, '..', 'escape', 'native');
const without = path.join(here, '..', '..', 'build', 'escape', 'without');
const { program } = compileProgram(t);

const made = spawnSync('make', ['-C', native], { encoding: 'utf8' });
if (made.status !== 0) throw new Error(`the wrapper: ${made.stdout}${made.stderr}`);

/**
 * @param {string} variant
 * @param {'strict' | 'best-effort'} isolation
 * @param {'auto' | 'spawn' | 'fork'} startup
 * @param {...string} capabilities
 * @returns {any[]} what each run says, and how it was started
 */
function playAll(variant, isolation, startup, ...capabilities) {
  const line = [process.execPath, host, isolation, startup, ...capabilities];
  const [command, ...args] = variant === 'default' ? line : [without, variant, ...line];
  const { stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, SBX_PROGRAM: program },
  });
  return JSON.parse(stdout || JSON.stringify([{ said: stderr }]));
}

/** @param {Parameters<typeof playAll>} args @returns {any[]} */
function play(...args) {
  return playAll(...args).map((/** @type {any} */ { said }) => said);
}

const good = {
  address: 'open',
  name: 'open',
  worker: 'open',
  otherPort: 'EACCES',
  otherName: 'EACCES',
  udp: 'EACCES',
};
/** Where there is a network namespace for it, the stub resolver is asked over UDP as well. */
const byUdp = { ...good, query: 1, otherQuery: 0 };
const noUdp = { ...good, query: 'EACCES', otherQuery: 'EACCES' };
const isApart = (/** @type {string} */ variant) => variant !== 'no-userns' && variant !== 'bare';

for (const user of [process.getuid?.() === 0 ? 'root' : 'user']) {
  // Who may start programs is spawned.
  for (const variant of ['default', 'no-userns', 'no-landlock', 'no-getfd'])
    t.test(`${user}, ${variant}: a program resolves names by the same rules`, async (t) => {
      const [first] = play(variant, 'strict', 'spawn', 'process:spawn');
      const noName = 'Name or service not known';
      const said = ['HTTP/1.1 200 OK', noName, 'connect: Permission denied', noName];
      t.same(first, { ...(isApart(variant) ? byUdp : noUdp), program: said });
    });
  for (const startup of /** @type {('spawn' | 'fork')[]} */ (['spawn', 'fork'])) {
    for (const variant of ['default', 'no-userns', 'no-landlock', 'bare', 'no-getfd'])
      t.test(
        `${user}, ${variant}, ${startup}: names and addresses are judged one by one`,
        async (t) => {
          const isolation = variant === 'bare' ? 'best-effort' : 'strict';
          const each = isApart(variant) ? byUdp : noUdp;
          t.same(play(variant, isolation, startup), [each, each, each]);
        },
      );
    t.test(
      `${user}, ${startup}: where the guest's sockets cannot be taken, UDP and unix sockets are refused`,
      async (t) => {
        const refused = {
          code: 'ISOLATION_UNAVAILABLE',
          message: /'net:udp' and 'net:unix' stay closed.*pidfd_getfd/,
        };
        const capabilities = ['net:listen', 'net:unix', 'net:udp'];
        t.match(play('no-getfd', 'strict', startup, 'net:udp', 'net:unix'), [
          refused,
          refused,
          refused,
        ]);
        t.same(play('no-getfd', 'best-effort', startup, ...capabilities), [byUdp, byUdp, byUdp]);
        t.match(play('default', 'strict', startup, 'net:udp'), [{ ...noUdp, udp: 'open' }]);
      },
    );
  }
  // Nothing opens a guest that is not dumpable to a broker but root, see canBrokerForks().
  for (const startup of /** @type {('auto' | 'fork')[]} */ (['auto', 'fork']))
    t.test(`${user}, ${startup}: where a broker cannot look into forked guests`, async (t) => {
      const each = {
        said: byUdp,
        startup: user === 'user' || startup === 'auto' ? 'spawn' : 'fork',
      };
      t.same(playAll('no-landlock-getfd', 'strict', startup), [each, each, each]);
    });
  t.test(`${user}: where nobody can be asked, strict refuses`, async (t) => {
    const refused = { code: 'ISOLATION_UNAVAILABLE', message: /permissions\.network.*listener/ };
    t.match(play('no-listener', 'strict', 'spawn'), [refused, refused, refused]);
  });
  t.test(`${user}: where nobody can be asked, best effort is no network`, async (t) => {
    const [result] = play('no-listener', 'best-effort', 'spawn');
    for (const [what, code] of Object.entries(result)) t.match(code, /^E(?:ACCES|AI_AGAIN)/, what);
    t.same(Object.keys(result), Object.keys(noUdp));
  });
}
