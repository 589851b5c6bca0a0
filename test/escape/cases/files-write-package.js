export default {
  title: 'changes the code of its own package for the next run',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'EROFS'],
  act: async ({ attempt, fs, path, input }) => {
    const at = (name) => path.join(input.package, name);
    await attempt('overwrite', () => fs.writeFileSync(at('data.txt'), 'changed'));
    await attempt('create', () => fs.writeFileSync(at('new.js'), ''));
    await attempt('replace', () => fs.renameSync(at('kit.js'), at('kit2.js')));
  },
};
