// What the tests of the network share: servers on loopback, a resolver under their control, and
// runners whose guests ask it. The host of the sandbox is the test's own process.
import dns from 'node:dns';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

export { handler, project, run, sandbox } from '../run/helper.js';

/** @typedef {string | string[] | Error | undefined} Answer */

/** What answers nothing until the test is over. */
export const NEVER = new Error('no answer');

/**
 * In place of the system's resolver until the test ends.
 *
 * @param {any} t
 * @param {(name: string, options: any) => Answer | Promise<Answer>} answer addresses; an error;
 *   undefined for a name that is not known
 */
export function resolver(t, answer) {
  const original = dns.lookup;
  /** @type {string[]} */
  const asked = [];
  /** @type {((error: Error) => void)[]} */
  const late = [];
  dns.lookup = /** @type {any} */ (
    async (/** @type {string} */ name, /** @type {any} */ options, /** @type {any} */ done) => {
      // The test's own servers.
      if (typeof options === 'function' || net.isIP(name)) return original(name, options, done);
      asked.push(name);
      const found = await answer(name, options);
      if (found === undefined)
        return done(Object.assign(new Error(name), { code: 'ENOTFOUND', errno: -3008 }));
      if (found === NEVER) return late.push(done);
      if (found instanceof Error) return done(found);
      const all = [found].flat();
      return done(
        null,
        all.map((address) => ({ address, family: net.isIP(address) })),
      );
    }
  );
  t.teardown(() => {
    dns.lookup = original;
    for (const done of late) done(NEVER);
  });
  return asked;
}

/**
 * An HTTP server that says what it was asked by.
 *
 * @param {any} t
 * @param {string} [host]
 */
export async function serveHttp(t, host = '127.0.0.1') {
  let connections = 0;
  const server = http.createServer((request, response) =>
    response.end(`${request.headers.host} ${request.url}`),
  );
  server.on('connection', () => connections++);
  server.listen(0, host);
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { port, server, connections: () => connections };
}

/** The configuration of a guest's network. @param {string[]} allow @param {string[]} [deny] */
export function hosts(allow, deny = []) {
  return { permissions: { network: { allow, deny } }, monitoring: { collectNetwork: true } };
}

/** What a handler says of an error. */
export const TELL = `
const tell = async (act) => {
  try {
    return await act();
  } catch (error) {
    const { code, errno, syscall, hostname, message } = error.cause ?? error;
    return { code, errno, syscall, hostname, message };
  }
};
`;
