export default {
  title: 'writes kernel settings, such as the program that gets core files',
  category: 'files',
  guards: ['landlock', 'privileges', 'namespaces'],
  control: 'root',
  proof: 'call',
  act: async ({ attempt, fs }) => {
    for (const file of ['kernel/core_pattern', 'kernel/hostname', 'vm/overcommit_memory'])
      await attempt(file, () => fs.closeSync(fs.openSync(`/proc/sys/${file}`, 'r+')));
  },
};
