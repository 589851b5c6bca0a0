// What do connections cost through the network guard?
import net from 'node:net';
import { subject } from '../catalogue.js';
import { interleave, row, withHosts } from '../measure.js';
import { more, rowOf, targetsOf, times } from '../targets.js';

export const seconds = { full: 30, quick: 4 };

const CHUNK = Buffer.alloc(1 << 20);
const CONNECTION = 'a new connection, µs';
const BYTES = '100 MB, ms';

/** Sends as many bytes as a client asks for. */
function serve() {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (line) => {
      let left = Number(line);
      const send = () => {
        while (left > 0) {
          const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
          left -= chunk.length;
          if (!socket.write(chunk)) {
            socket.once('drain', send);
            return;
          }
        }
      };
      send();
    });
  });
  return new Promise((resolve) => void server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** @param {import('../measure.js').Asking} asking @returns {Promise<import('../measure.js').Answer>} */
export async function ask(asking) {
  const { quick, ms, hardStop, progress } = asking;
  /** @type {import('node:net').Server} */
  const server = await serve();
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const open = { permissions: { network: { allow: ['*'] } } };
  const listed = { permissions: { network: { allow: [`127.0.0.1:${port}`] } } };
  const reported = { ...listed, monitoring: { collectNetwork: true } };
  const wanted = [
    { id: 'cp-fork', how: 'no guard', options: {} },
    { id: 'spawn', how: 'network.allow is *', options: open },
    { id: 'spawn', how: 'network.allow is a list', options: listed },
    { id: 'spawn', how: 'network.allow is a list, each reported', options: reported },
    { id: 'fork', how: 'network.allow is *', options: open },
    { id: 'fork', how: 'network.allow is a list', options: listed },
  ];
  const kinds = [
    // Microseconds of one of so many; milliseconds of all.
    { kind: CONNECTION, connections: quick ? 100 : 500, bytes: 1, unit: 1000 },
    { kind: BYTES, connections: 1, bytes: quick ? 2e7 : 1e8, unit: 1 },
  ];
  /** @type {import('../measure.js').Row[]} */
  const rows = [];
  const { missing } = await withHosts(
    wanted.map(({ id, how, options }) => ({
      row: row(id, how),
      subject: subject(id),
      handler: 'echo',
      input: 1,
      options,
    })),
    async (places, failed) => {
      const entries = places.flatMap(({ host, row: { subject: id, case: how } }) =>
        kinds.map((kind) => ({ row: row(id, `${kind.kind}, ${how}`), host, ...kind })),
      );
      await interleave(
        entries,
        async ({ host, connections, bytes, unit }) => {
          const input = { port, connections, bytes };
          const took = await host.call('result', { handler: 'connect', input });
          return [unit === 1 ? (took * 1e8) / bytes : (took * unit) / connections];
        },
        { ms, most: 60, warmUp: quick ? 0 : 1, hardStop, progress },
        failed,
      );
      for (const place of places) place.row.visits.push([1]);
      rows.push(...entries.map((entry) => entry.row).filter(({ visits }) => visits.length > 0));
    },
    asking,
  ).finally(() => server.close());
  const find = rowOf(rows);
  const pair = (/** @type {string} */ kind) =>
    ['network.allow is a list', 'network.allow is *'].map((how) =>
      find('spawn', `${kind}, ${how}`),
    );
  const [guarded, free] = pair(CONNECTION);
  const [guardedBytes, freeBytes] = pair(BYTES);
  return {
    question: 'Connections of a handler to a server on this machine',
    unit: 'ms or µs',
    better: 'lower',
    method: 'Timed by the handler, so that the start of its process does not count.',
    rows,
    missing,
    targets: targetsOf(
      [
        'a new connection through the guard costs more',
        more(guarded, free),
        { target: 150, unit: 'µs' },
      ],
      [
        'time for 100 MB through the guard, of without',
        times(guardedBytes, freeBytes),
        { target: 1.02, unit: '×' },
      ],
    ),
  };
}
