export default {
  title: 'reads what another run left in a POSIX message queue',
  category: 'siblings',
  guards: ['landlock', 'seccomp'],
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOENT', 'ENOSYS'],
  setup: ({ raw, defer, at }) => {
    const queue = `escape${at().replaceAll('/', '-')}`;
    defer(() => raw.syscall(raw.SYS.mq_unlink, queue));
    return { queue };
  },
  before: ({ attempt, sys, u64, input }) =>
    attempt('leave', () => {
      const [O_CREAT, O_WRONLY] = [0o100, 1];
      const attr = u64(0, 1, 16, 0, 0, 0, 0, 0);
      const fd = sys('mq_open', input.queue, O_CREAT | O_WRONLY, 0o600, attr);
      return sys('mq_timedsend', fd, Buffer.from('left'), 4, 0, null);
    }),
  act: ({ attempt, sys, input }) =>
    attempt('read', () => {
      const O_NONBLOCK = 0o4000;
      const fd = sys('mq_open', input.queue, O_NONBLOCK, 0, null);
      const message = Buffer.alloc(16);
      sys('mq_timedreceive', fd, message, 16, null, null);
      return message;
    }),
};
