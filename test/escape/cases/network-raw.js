export default {
  title: 'sends packets of its own making, and pings',
  category: 'network',
  guards: ['seccomp', 'privileges'],
  control: 'userns',
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  act: async ({ attempt, sys, AF, SOCK }) => {
    const [IPPROTO_ICMP, IPPROTO_RAW, IPPROTO_ICMPV6] = [1, 255, 58];
    await attempt('icmp', () => sys('socket', AF.INET, SOCK.RAW, IPPROTO_ICMP));
    await attempt('raw', () => sys('socket', AF.INET, SOCK.RAW, IPPROTO_RAW));
    await attempt('icmp6', () => sys('socket', AF.INET6, SOCK.RAW, IPPROTO_ICMPV6));
  },
};
