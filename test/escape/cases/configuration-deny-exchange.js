export default {
  title: 'exchanges what is denied for a file that is not',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'EBUSY', 'EXDEV'],
  config: ({ at }) => ({
    permissions: { filesystem: { allow: [at('allowed')], deny: [at('allowed', 'denied.txt')] } },
  }),
  act: ({ attempt, fs, sys, AT_FDCWD, input }) =>
    attempt('renameat2', () => {
      const RENAME_EXCHANGE = 2;
      const free = `${input.allowed}/file.txt`;
      sys('renameat2', AT_FDCWD, free, AT_FDCWD, `${input.allowed}/denied.txt`, RENAME_EXCHANGE);
      return fs.readFileSync(free, 'utf8');
    }),
};
