export default {
  title: 'makes System V objects, which outlive it',
  category: 'ipc',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    const [IPC_PRIVATE, IPC_RMID, MODE] = [0, 0, 0o1600];
    const make = (get, control, ...args) =>
      attempt(get, () => {
        const id = sys(get, IPC_PRIVATE, ...args, MODE);
        return control === 'semctl' ? sys(control, id, 0, IPC_RMID) : sys(control, id, IPC_RMID, 0);
      });
    await make('shmget', 'shmctl', 4096);
    await make('msgget', 'msgctl');
    await make('semget', 'semctl', 1);
  },
};
