export default {
  title: "reads the host's environment, command line and memory map",
  category: 'files',
  guards: ['landlock', 'namespaces'],
  victim: true,
  proof: 'call',
  act: async ({ attempt, fs, input }) => {
    for (const pid of [input.hostPid, input.victim.pid])
      for (const name of ['environ', 'cmdline', 'maps', 'status', 'cgroup'])
        await attempt(name, () => fs.readFileSync(`/proc/${pid}/${name}`, 'utf8'));
  },
};
