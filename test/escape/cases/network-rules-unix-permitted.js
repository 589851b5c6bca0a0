export default {
  title: "may use unix sockets, and connects to one outside of its view ('net:unix')",
  category: 'network',
  guards: ['namespaces'],
  // Without namespaces 'strict' runs nothing, and this opens no unix socket.
  config: {
    isolation: 'best-effort',
    permissions: { network: { allow: ['127.0.0.1:9'] }, capabilities: ['net:unix'] },
  },
  act: async ({ attempt, connect, path, input }) => {
    await attempt('path', () => connect({ path: input.unix }));
    await attempt('through a link', () => connect({ path: `/proc/self/root${input.unix}` }));
    await attempt('relative', () => connect({ path: path.relative(process.cwd(), input.unix) }));
  },
};
