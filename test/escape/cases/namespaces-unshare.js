export default {
  title: 'makes namespaces of every other kind with unshare',
  category: 'namespaces',
  guards: ['seccomp', 'privileges'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, sys, CLONE }) => {
    for (const kind of ['NEWNS', 'NEWCGROUP', 'NEWUTS', 'NEWIPC', 'NEWNET', 'NEWPID', 'NEWTIME'])
      await attempt(kind, () => sys('unshare', CLONE[kind]));
  },
};
