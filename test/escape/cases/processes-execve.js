export default {
  title: 'becomes another program with execve',
  category: 'processes',
  guards: ['landlock', 'seccomp'],
  probe: true,
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  harm: ({ host, at }) => host.fs.existsSync(at('out', 'proof')) && 'the program ran',
  act: ({ attempt, sys, vector, input }) =>
    attempt('execve', () => {
      const file = `${input.package}/probe`;
      return sys('execve', file, vector(file, 'write', `${input.out}/proof`, 'ran'), vector());
    }),
};
