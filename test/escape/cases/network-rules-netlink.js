export default {
  title: 'opens netlink and packet sockets',
  category: 'network',
  guards: ['seccomp'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  control: 'userns',
  proof: 'call',
  act: async ({ attempt, sys, AF, SOCK }) => {
    await attempt('netlink', () => sys('socket', AF.NETLINK, SOCK.RAW, 0));
    await attempt('packet', () => sys('socket', AF.PACKET, SOCK.RAW, 0));
  },
};
