export default {
  title: 'opens sockets of families that hardly anybody uses, full of old code',
  category: 'network',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  // However the kernel declines, it was asked, and may have loaded a module.
  reached: ['EAFNOSUPPORT', 'ESOCKTNOSUPPORT', 'EPROTONOSUPPORT', 'EINVAL'],
  act: async ({ attempt, sys, AF, SOCK }) => {
    for (const name of ['IPX', 'X25', 'RDS', 'TIPC', 'CAN', 'BLUETOOTH', 'KCM', 'QIPCRTR', 'SMC'])
      await attempt(name, () => sys('socket', AF[name], SOCK.DGRAM, 0));
    for (const family of [0, 3, 5, 6, 12, 23, 36, 37, 39, 45, 46, 255])
      await attempt(`family ${family}`, () => sys('socket', family, SOCK.SEQPACKET, 0));
  },
};
