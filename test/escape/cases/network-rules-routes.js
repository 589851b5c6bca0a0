export default {
  title: 'gives its packets a route or a source of its own',
  category: 'network',
  guards: ['seccomp'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  proof: 'call',
  act: async ({ attempt, sys, u32, AF, SOCK }) => {
    const [IPPROTO_IP, IP_OPTIONS, IP_UNICAST_IF] = [0, 4, 50];
    const [IPPROTO_IPV6, IPV6_UNICAST_IF] = [41, 76];
    const noop = Buffer.from([1, 1, 1, 0]);
    const set = (/** @type {number} */ family, /** @type {any[]} */ ...option) =>
      sys('setsockopt', sys('socket', family, SOCK.STREAM, 0), ...option);
    await attempt('options', () => set(AF.INET, IPPROTO_IP, IP_OPTIONS, noop, 4));
    await attempt('interface', () => set(AF.INET, IPPROTO_IP, IP_UNICAST_IF, u32(0x1000000), 4));
    await attempt('IPv6', () => set(AF.INET6, IPPROTO_IPV6, IPV6_UNICAST_IF, u32(0x1000000), 4));
  },
};
