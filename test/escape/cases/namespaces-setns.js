export default {
  title: 'enters namespaces by descriptors and by pidfd',
  category: 'namespaces',
  guards: ['seccomp', 'privileges'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOENT', 'ESRCH', 'ENOSYS'],
  act: async ({ attempt, fs, sys, CLONE }) => {
    for (const name of ['net', 'uts', 'ipc'])
      await attempt(name, () => sys('setns', fs.openSync(`/proc/self/ns/${name}`, 'r'), 0));
    await attempt('pidfd', () => sys('setns', sys('pidfd_open', process.pid, 0), CLONE.NEWUTS));
  },
};
