export default {
  title: 'may connect to all but loopback, and spells that otherwise',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['*'], deny: ['127.0.0.0/8', '::1'] } } },
  act: async ({ attempt, connect, input }) => {
    await attempt('mapped', () => connect({ host: '::ffff:127.0.0.1', port: input.tcp4 }));
    await attempt('unspecified', () => connect({ host: '0.0.0.0', port: input.tcp4 }));
    await attempt('unspecified IPv6', () => connect({ host: '::', port: input.tcp6 }));
    await attempt('mapped unspecified', () =>
      connect({ host: '::ffff:0.0.0.0', port: input.tcp4 }),
    );
  },
};
