export default {
  title: 'reads symbols, modules and command line of the kernel',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  proof: 'call',
  act: async ({ attempt, fs }) => {
    for (const name of ['kallsyms', 'cmdline', 'iomem', 'partitions', 'key-users'])
      await attempt(name, () => fs.readFileSync(`/proc/${name}`, 'latin1').slice(0, 100));
  },
};
