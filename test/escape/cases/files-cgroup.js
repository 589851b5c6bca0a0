export default {
  title: 'leaves its control group, or reads of the others',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  proof: 'call',
  act: ({ attempt, fs }) => attempt('list', () => fs.readdirSync('/sys/fs/cgroup')),
};
