export default {
  title: 'may connect to all but a name',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['*'], deny: ['localhost'] } } },
  act: async ({ attempt, connect, input }) => {
    await attempt('localhost', () => connect({ host: 'localhost', port: input.tcp4 }));
    await attempt('upper case', () => connect({ host: 'LOCALHOST', port: input.tcp4 }));
    await attempt('its address', () => connect({ host: '127.0.0.1', port: input.tcp4 }));
  },
};
