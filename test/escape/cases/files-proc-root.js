export default {
  title: 'reads by way of /proc/self/root',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: async ({ attempt, fs, input }) => {
    await attempt('self', () => fs.readFileSync(`/proc/self/root${input.target}`, 'utf8'));
    const thread = `/proc/thread-self/root${input.target}`;
    await attempt('thread', () => fs.readFileSync(thread, 'utf8'));
  },
};
