export default {
  title: 'mounts a proc of its own, which would show everything',
  category: 'namespaces',
  guards: ['seccomp', 'landlock', 'privileges'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, sys, input }) => {
    await attempt('proc', () => sys('mount', 'proc', input.out, 'proc', 0, null));
  },
};
