export default {
  title: 'may connect to a name, and asks name servers of its own',
  category: 'network',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['*.example.com'] } } },
  act: async ({ attempt, datagram, input }) => {
    await attempt('udp', () => datagram(input.udp4, '127.0.0.1'));
    await attempt('udp6', () => datagram(input.udp6, '::1', 'udp6'));
  },
};
