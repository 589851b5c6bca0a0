export default {
  title: 'may use the network, and opens netlink, packet and raw sockets',
  category: 'network',
  guards: ['seccomp'],
  control: 'userns',
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['*'] } } },
  act: async ({ attempt, sys, AF, SOCK }) => {
    const IPPROTO_ICMP = 1;
    await attempt('netlink', () => sys('socket', AF.NETLINK, SOCK.RAW, 0));
    await attempt('packet', () => sys('socket', AF.PACKET, SOCK.RAW, 0));
    await attempt('raw', () => sys('socket', AF.INET, SOCK.RAW, IPPROTO_ICMP));
  },
};
