export default {
  title: 'may use the network as a client, and listens',
  category: 'network',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['*'] } } },
  act: async ({ attempt, sys, inetAddress, AF, SOCK }) => {
    await attempt('listen after bind', () => {
      const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
      sys('bind', fd, inetAddress(0), 16);
      return sys('listen', fd, 1);
    });
    // It binds to a port by itself.
    await attempt('listen alone', () => sys('listen', sys('socket', AF.INET, SOCK.STREAM, 0), 1));
  },
};
