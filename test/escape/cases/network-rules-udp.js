export default {
  title: "may send datagrams to one address, and sends to another, in every way ('net:udp')",
  category: 'network',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: {
    permissions: { network: { allow: ['127.0.0.1:9'] }, capabilities: ['net:udp'] },
  },
  act: async ({ attempt, datagram, coded, input }) => {
    await attempt('IPv4', () => datagram(input.udp4, '127.0.0.1'));
    await attempt('IPv6', () => datagram(input.udp6, '::1', 'udp6'));
    await attempt('mapped', () => datagram(input.udp4, '::ffff:127.0.0.1', 'udp6'));
    await attempt('connected', async () => {
      const { createSocket } = await import('node:dgram');
      const socket = createSocket('udp4');
      return new Promise((resolve, reject) => {
        setTimeout(() => reject(coded('ERR_NO_ANSWER', 'datagram')), 5000).unref();
        socket.once('error', reject).once('message', (data) => {
          socket.close();
          resolve(data.toString());
        });
        socket.connect(input.udp4, '127.0.0.1', (error) =>
          error ? reject(error) : socket.send(input.hello),
        );
      });
    });
  },
};
