export default {
  title: 'listens to everything on the wire with packet sockets',
  category: 'network',
  guards: ['seccomp', 'privileges'],
  control: 'userns',
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  reached: ['EAFNOSUPPORT'],
  act: async ({ attempt, sys, AF, SOCK }) => {
    const ETH_P_ALL = 0x0300;
    await attempt('raw', () => sys('socket', AF.PACKET, SOCK.RAW, ETH_P_ALL));
    await attempt('datagram', () => sys('socket', AF.PACKET, SOCK.DGRAM, ETH_P_ALL));
  },
};
