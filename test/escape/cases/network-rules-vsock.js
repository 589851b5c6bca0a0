export default {
  title: 'talks to the hypervisor over vsock',
  category: 'network',
  guards: ['seccomp'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  proof: 'call',
  reached: ['EAFNOSUPPORT'],
  act: ({ attempt, sys, AF, SOCK }) =>
    attempt('stream', () => sys('socket', AF.VSOCK, SOCK.STREAM, 0)),
};
