export default {
  title: 'executes any descriptor number with execveat, in case one is left open for the start',
  category: 'processes',
  guards: ['landlock', 'seccomp'],
  probe: true,
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  harm: ({ host, at }) => host.fs.existsSync(at('out', 'proof')) && 'the program ran',
  act: async ({ attempt, fs, sys, vector, raw, AT_EMPTY_PATH, input }) => {
    const args = vector('probe', 'write', `${input.out}/proof`, 'ran');
    const from = fs.openSync(`${input.package}/probe`, 'r');
    // Every number that a descriptor of this process can be made to have.
    await attempt('execveat', () => {
      const { SYS, syscall } = raw();
      for (let fd = from; fd < 1024; fd++) {
        if (fd !== from) syscall(SYS.fcntl, from, 0, fd);
        syscall(SYS.execveat, fd, '', args, vector(), AT_EMPTY_PATH);
      }
      return sys('execveat', from, '', args, vector(), AT_EMPTY_PATH);
    });
  },
};
