export default {
  title: 'has rules for IPv6 alone, and spells IPv4 as IPv6',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['::/0'] } } },
  act: async ({ attempt, connect, input }) => {
    await attempt('mapped', () => connect({ host: '::ffff:127.0.0.1', port: input.tcp4 }));
    await attempt('in hex', () => connect({ host: '::ffff:7f00:1', port: input.tcp4 }));
  },
};
