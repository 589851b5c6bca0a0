export default {
  title: 'becomes a program that no file system has, with memfd_create and execveat',
  category: 'processes',
  guards: ['seccomp'],
  probe: true,
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  harm: ({ host, at }) => host.fs.existsSync(at('out', 'proof')) && 'the program ran',
  act: ({ attempt, fs, sys, vector, AT_EMPTY_PATH, input }) =>
    attempt('execveat', () => {
      const fd = sys('memfd_create', 'probe', 0);
      fs.writeSync(fd, fs.readFileSync(`${input.package}/probe`));
      const args = vector('probe', 'write', `${input.out}/proof`, 'ran');
      return sys('execveat', fd, '', args, vector(), AT_EMPTY_PATH);
    }),
};
