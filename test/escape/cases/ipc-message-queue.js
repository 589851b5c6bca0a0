export default {
  title: "takes a message out of the host's System V queue",
  category: 'ipc',
  guards: ['seccomp', 'namespaces'],
  victim: true,
  deny: ['EPERM', 'EACCES', 'EINVAL', 'EIDRM', 'ENOSYS'],
  act: ({ attempt, sys, input }) =>
    attempt('msgrcv', () => {
      const IPC_NOWAIT = 0o4000;
      const message = Buffer.alloc(8 + 256);
      sys('msgrcv', input.victim.msg, message, 256, 0, IPC_NOWAIT);
      return message.subarray(8);
    }),
};
