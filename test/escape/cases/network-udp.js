export default {
  title: 'sends and receives datagrams',
  category: 'network',
  guards: ['seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM'],
  act: async ({ attempt, datagram, input }) => {
    await attempt('IPv4', () => datagram(input.udp4, '127.0.0.1'));
    await attempt('IPv6', () => datagram(input.udp6, '::1', 'udp6'));
  },
};
