export default {
  title: 'may start programs, and has one make the calls that it may not make itself',
  category: 'processes',
  guards: ['seccomp'],
  probe: true,
  proof: 'call',
  control: 'userns',
  config: { permissions: { capabilities: ['process:spawn'] } },
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, probe, input, CLONE }) => {
    const call = (name, ...args) => attempt(name, () => probe('call', name, ...args));
    await call('unshare', CLONE.NEWUSER);
    await call('unshare', CLONE.NEWNS);
    await call('mount', 's:none', `s:${input.out}`, 's:tmpfs', 0, 0);
    await call('chroot', `s:${input.out}`);
    await call('sethostname', 's:escaped', 7);
    await call('ptrace', 0, 0, 0, 0);
    await call('shmget', 0, 4096, 0o1600);
    await call('personality', 0x40000);
  },
};
