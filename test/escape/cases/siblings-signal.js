export default {
  title: 'kills another run',
  category: 'siblings',
  guards: ['seccomp', 'namespaces', 'landlock'],
  proof: 'call',
  deny: ['EPERM', 'ESRCH', 'EACCES'],
  beside: async ({ fs, input }) => {
    process.title = `${input.dir}#beside`;
    fs.writeFileSync(`${input.out}/ready`, 'ready');
    await new Promise((resolve) => setTimeout(resolve, 10_000));
  },
  act: ({ attempt, input }) => attempt('kill', () => process.kill(input.beside.pid, 'SIGKILL')),
};
