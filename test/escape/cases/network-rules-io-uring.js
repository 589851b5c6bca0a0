export default {
  title: 'connects through an io_uring, which no filter sees',
  category: 'network',
  guards: ['seccomp'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys }) =>
    attempt('io_uring_setup', () => sys('io_uring_setup', 4, Buffer.alloc(120))),
};
