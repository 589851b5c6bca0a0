export default {
  title: 'reads what its own package keeps secret',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  setup: ({ at, secret, host: { fs } }) => {
    fs.writeFileSync(at('package', '.env'), secret);
    fs.mkdirSync(at('package', 'deep', '.git'), { recursive: true });
    fs.writeFileSync(at('package', 'deep', '.git', 'config'), secret);
  },
  act: ({ attempt, fs, path, input }) => {
    for (const name of ['.env', 'deep/.git/config'])
      attempt(`readFileSync ${name}`, () =>
        fs.readFileSync(path.join(input.package, name), 'utf8'),
      );
    attempt('copyFileSync', () => {
      const copy = path.join(input.out, 'copy');
      fs.copyFileSync(path.join(input.package, '.env'), copy);
      return fs.readFileSync(copy, 'utf8');
    });
  },
};
