export default {
  title: 'talks to the hypervisor over vsock',
  category: 'network',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  reached: ['EAFNOSUPPORT'],
  act: async ({ attempt, sys, AF, SOCK }) => {
    await attempt('stream', () => sys('socket', AF.VSOCK, SOCK.STREAM, 0));
    await attempt('seqpacket', () => sys('socket', AF.VSOCK, SOCK.SEQPACKET, 0));
  },
};
