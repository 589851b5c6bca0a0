export default {
  title: 'has connect(2) put off until the first write',
  category: 'network',
  guards: ['seccomp'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  proof: 'call',
  act: ({ attempt, sys, u32, AF, SOCK }) =>
    attempt('TCP_FASTOPEN_CONNECT', () => {
      const [IPPROTO_TCP, TCP_FASTOPEN_CONNECT] = [6, 30];
      const fd = sys('socket', AF.INET, SOCK.STREAM, 0);
      return sys('setsockopt', fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, u32(1), 4);
    }),
};
