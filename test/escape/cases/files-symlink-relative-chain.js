export default {
  title: 'climbs out over a chain of relative symbolic links (CVE-2025-55130)',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs, path, input }) =>
    attempt('read', () => {
      const deep = path.join(input.out, 'a', 'b', 'c', 'd');
      fs.mkdirSync(deep, { recursive: true });
      fs.symlinkSync('../../../..', path.join(deep, 'up'));
      fs.symlinkSync('a/b/c/d/up/..', path.join(input.out, 'root'));
      return fs.readFileSync(path.join(input.out, 'root', 'outside', 'secret.txt'), 'utf8');
    }),
};
