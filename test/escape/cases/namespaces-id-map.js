export default {
  title: 'maps user ids of the host into its namespace',
  category: 'namespaces',
  guards: ['landlock', 'namespaces'],
  control: 'root',
  proof: 'call',
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EROFS'],
  // That it can be opened for writing is enough; the first namespace's own map cannot be changed.
  act: ({ attempt, fs }) =>
    attempt('uid_map', () => fs.closeSync(fs.openSync('/proc/self/uid_map', 'r+'))),
};
