// Takes connections, in a process of its own; tells its parent the port.
import net from 'node:net';

const server = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.resume();
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  process.send?.(/** @type {net.AddressInfo} */ (server.address()).port),
);
process.once('disconnect', () => process.exit());
