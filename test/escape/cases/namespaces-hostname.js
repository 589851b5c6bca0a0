export default {
  title: 'renames the machine',
  category: 'namespaces',
  guards: ['seccomp', 'privileges'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    await attempt('sethostname', () => sys('sethostname', 'escaped', 7));
    await attempt('setdomainname', () => sys('setdomainname', 'escaped', 7));
  },
};
