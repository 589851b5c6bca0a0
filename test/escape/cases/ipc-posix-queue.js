export default {
  title: "takes a message out of the host's POSIX queue",
  category: 'ipc',
  guards: ['landlock', 'seccomp', 'namespaces'],
  victim: true,
  deny: ['EPERM', 'EACCES', 'ENOENT', 'ENOSYS'],
  act: ({ attempt, sys, input }) =>
    attempt('mq_timedreceive', () => {
      const O_NONBLOCK = 0o4000;
      const fd = sys('mq_open', input.victim.mq, O_NONBLOCK, 0, null);
      const message = Buffer.alloc(256);
      sys('mq_timedreceive', fd, message, message.length, null, null);
      return message;
    }),
};
