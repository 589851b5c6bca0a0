export default {
  title: 'traces another run',
  category: 'siblings',
  guards: ['landlock', 'seccomp', 'namespaces'],
  proof: 'call',
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOSYS'],
  beside: async ({ fs, input }) => {
    process.title = `${input.dir}#beside`;
    fs.writeFileSync(`${input.out}/ready`, 'ready');
    await new Promise((resolve) => setTimeout(resolve, 10_000));
  },
  act: ({ attempt, sys, input }) =>
    attempt('PTRACE_SEIZE', () => {
      const PTRACE_SEIZE = 0x4206;
      return sys('ptrace', PTRACE_SEIZE, input.beside.pid, 0, 0);
    }),
};
