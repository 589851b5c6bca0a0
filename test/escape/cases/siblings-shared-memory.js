export default {
  title: 'reads what another run left in System V shared memory',
  category: 'siblings',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOENT', 'ENOSYS'],
  setup: ({ raw, defer, at }) => {
    const key = [...at()].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) & 0x7fffffff, 7);
    defer(() => {
      const id = raw.syscall(raw.SYS.shmget, key, 0, 0);
      if (id >= 0) raw.syscall(raw.SYS.shmctl, id, 0, 0);
    });
    return { key };
  },
  before: ({ attempt, sys, raw, input }) =>
    attempt('leave', () => {
      const IPC_CREAT = 0o1000;
      const at = sys('shmat', sys('shmget', input.key, 4096, IPC_CREAT | 0o600), null, 0);
      raw().poke(at, Buffer.from('left'), 4);
    }),
  act: ({ attempt, sys, raw, input }) =>
    attempt('read', () => {
      const SHM_RDONLY = 0o10000;
      return raw().peek(sys('shmat', sys('shmget', input.key, 0, 0), null, SHM_RDONLY), 4);
    }),
};
