export default {
  title: "may listen, and connects where no rule leads ('net:listen')",
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: {
    permissions: { network: { allow: ['127.0.0.1:9'] }, capabilities: ['net:listen'] },
  },
  act: async ({ attempt, connect, input }) => {
    await attempt('connect', () => connect({ host: '127.0.0.1', port: input.tcp4 }));
    await attempt('from a port of its own', () =>
      connect({ host: '127.0.0.1', port: input.tcp4, localAddress: '127.0.0.1' }),
    );
  },
};
