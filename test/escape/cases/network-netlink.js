export default {
  title: "lists the machine's addresses, routes and sockets over netlink",
  category: 'network',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  act: async ({ attempt, sys, AF, SOCK }) => {
    const [ROUTE, SOCK_DIAG, UEVENT, GENERIC] = [0, 4, 15, 16];
    for (const protocol of [ROUTE, SOCK_DIAG, UEVENT, GENERIC])
      await attempt(`protocol ${protocol}`, () => sys('socket', AF.NETLINK, SOCK.RAW, protocol));
  },
};
