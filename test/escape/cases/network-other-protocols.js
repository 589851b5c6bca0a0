export default {
  title: 'opens internet sockets of other protocols: SCTP, UDP-Lite, DCCP',
  category: 'network',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  reached: ['EAFNOSUPPORT', 'ESOCKTNOSUPPORT', 'EPROTONOSUPPORT', 'EINVAL'],
  config: { permissions: { network: { allow: ['*'] } } },
  act: async ({ attempt, sys, AF, SOCK }) => {
    const [SCTP, UDPLITE, DCCP, SOCK_DCCP] = [132, 136, 33, 6];
    await attempt('sctp', () => sys('socket', AF.INET, SOCK.STREAM, SCTP));
    await attempt('seqpacket', () => sys('socket', AF.INET, SOCK.SEQPACKET, SCTP));
    await attempt('udp-lite', () => sys('socket', AF.INET, SOCK.DGRAM, UDPLITE));
    await attempt('dccp', () => sys('socket', AF.INET, SOCK_DCCP, DCCP));
  },
};
