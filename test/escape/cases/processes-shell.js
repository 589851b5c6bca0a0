export default {
  title: 'runs a shell command',
  category: 'processes',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: ({ attempt, child_process, input }) =>
    attempt('execSync', () => child_process.execSync(`cat '${input.target}'`)),
};
