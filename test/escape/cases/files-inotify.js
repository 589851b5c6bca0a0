export default {
  title: 'watches a directory outside and learns the names of what happens there',
  category: 'files',
  guards: ['namespaces'],
  openIn: ['no-userns', 'bare'],
  proof: 'call',
  act: ({ attempt, sys, input }) =>
    attempt('inotify_add_watch', () => {
      const IN_ALL_EVENTS = 0xfff;
      const fd = sys('inotify_init1', 0);
      return sys('inotify_add_watch', fd, input.outside, IN_ALL_EVENTS);
    }),
};
