export default {
  title: 'opens ICMP sockets, raw and for pings',
  category: 'network',
  guards: ['seccomp'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  control: 'userns',
  proof: 'call',
  act: async ({ attempt, sys, AF, SOCK }) => {
    const [IPPROTO_ICMP, IPPROTO_ICMPV6] = [1, 58];
    await attempt('raw', () => sys('socket', AF.INET, SOCK.RAW, IPPROTO_ICMP));
    await attempt('raw IPv6', () => sys('socket', AF.INET6, SOCK.RAW, IPPROTO_ICMPV6));
  },
};
