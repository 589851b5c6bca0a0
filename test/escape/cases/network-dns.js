export default {
  title: 'asks a name server of its choice, which carries data out',
  category: 'network',
  guards: ['seccomp', 'namespaces'],
  proof: 'harm',
  setup: async ({ defer }) => {
    const { createSocket } = await import('node:dgram');
    const socket = createSocket('udp4');
    /** @type {{ asked: string[], dns?: number }} */
    const state = { asked: [] };
    socket.on('message', (data, from) => {
      state.asked.push(data.toString('latin1'));
      // "no such name"
      data.writeUInt16BE(0x8183, 2);
      socket.send(data, from.port, from.address);
    });
    await new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(undefined)));
    defer(() => socket.close());
    // Not enumerable, so that the guest is not told.
    const input = { dns: socket.address().port };
    return Object.defineProperty(input, 'asked', { value: state.asked, enumerable: false });
  },
  harm: (world) => world.extra.asked.length > 0 && 'the name server was asked',
  act: ({ attempt, input }) =>
    attempt('resolve', async () => {
      const { Resolver } = await import('node:dns/promises');
      const resolver = new Resolver({ timeout: 500, tries: 1 });
      resolver.setServers([`127.0.0.1:${input.dns}`]);
      return resolver.resolve4('data.example');
    }),
};
