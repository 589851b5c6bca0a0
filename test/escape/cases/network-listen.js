export default {
  title: 'listens on TCP ports and binds UDP ports',
  category: 'network',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  act: async ({ attempt, sys, AF, SOCK }) => {
    // Of no interface, so that it works where there is none.
    const anyAddress = Buffer.alloc(16);
    anyAddress.writeUInt16LE(AF.INET, 0);
    await attempt('net.Server', async () => {
      const net = await import('node:net');
      return new Promise((resolve, reject) => {
        const server = net.createServer();
        server.once('error', reject);
        server.listen(0, () => {
          resolve(server.address());
          server.close();
        });
      });
    });
    for (const type of [SOCK.STREAM, SOCK.DGRAM])
      await attempt(`bind ${type}`, () => {
        const fd = sys('socket', AF.INET, type, 0);
        return sys('bind', fd, anyAddress, anyAddress.length);
      });
  },
};
