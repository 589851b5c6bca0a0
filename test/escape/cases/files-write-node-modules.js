export default {
  title: 'changes a dependency for the next run',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'EROFS'],
  act: async ({ attempt, fs, path, input }) => {
    const file = path.join(input.package, 'node_modules', 'dependency', 'index.js');
    await attempt('overwrite', () => fs.writeFileSync(file, 'evil'));
    await attempt('r+', () => fs.writeSync(fs.openSync(file, 'r+'), 'evil'));
  },
};
