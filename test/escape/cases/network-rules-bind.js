export default {
  title: 'takes a port of the host, and listens on it',
  category: 'network',
  guards: ['seccomp'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  proof: 'call',
  act: async ({ attempt, sys, inetAddress, AF, SOCK }) => {
    const tcp = () => sys('socket', AF.INET, SOCK.STREAM, 0);
    await attempt('bind', () => sys('bind', tcp(), inetAddress(0), 16));
    await attempt('listen', () => sys('listen', tcp(), 1));
    await attempt('server', async () => {
      const { createServer } = await import('node:net');
      const server = createServer();
      await new Promise((resolve, reject) => {
        server.once('error', reject).listen(0, '127.0.0.1', () => resolve(undefined));
      });
      server.close();
    });
  },
};
