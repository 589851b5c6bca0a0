export default {
  title: "uses the kernel's cryptography over AF_ALG",
  category: 'network',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  reached: ['EAFNOSUPPORT'],
  act: ({ attempt, sys, AF, SOCK }) =>
    attempt('AF_ALG', () => sys('socket', AF.ALG, SOCK.SEQPACKET, 0)),
};
