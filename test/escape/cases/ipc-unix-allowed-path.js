export default {
  title: 'connects to a unix socket in a directory that it may write in',
  category: 'ipc',
  guards: ['seccomp'],
  deny: ['EACCES', 'EPERM'],
  setup: async ({ host, at, defer }) => {
    const server = await host.servers.listen({ path: at('out', 's') });
    host.fs.chmodSync(at('out', 's'), 0o777);
    defer(() => server.close());
  },
  act: ({ attempt, connect, input }) =>
    attempt('connect', () => connect({ path: `${input.out}/s` })),
};
