export default {
  title: 'opens with O_PATH, which asks for no right, and opens that again through /proc/self/fd',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs, sys, O_PATH, input }) =>
    attempt('read', () => {
      const fd = sys('openat', -100, input.target, O_PATH, 0);
      return fs.readFileSync(`/proc/self/fd/${fd}`, 'utf8');
    }),
};
