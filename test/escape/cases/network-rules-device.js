export default {
  title: 'binds a socket to an interface, by name and by number',
  category: 'network',
  guards: ['seccomp'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  proof: 'call',
  act: async ({ attempt, sys, u32, AF, SOCK }) => {
    const [SOL_SOCKET, SO_BINDTODEVICE, SO_BINDTOIFINDEX] = [1, 25, 62];
    await attempt('name', () => {
      const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
      return sys('setsockopt', fd, SOL_SOCKET, SO_BINDTODEVICE, Buffer.from('lo'), 2);
    });
    await attempt('number', () => {
      const fd = sys('socket', AF.INET6, SOCK.STREAM, 0);
      return sys('setsockopt', fd, SOL_SOCKET, SO_BINDTOIFINDEX, u32(1), 4);
    });
  },
};
