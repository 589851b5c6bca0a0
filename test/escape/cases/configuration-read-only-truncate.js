export default {
  title: 'truncates where it may only read',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  watch: ['allowed'],
  deny: ['EACCES', 'EPERM', 'EROFS'],
  config: ({ at }) => ({
    permissions: { filesystem: { allow: [at('allowed')], readOnly: true } },
  }),
  act: ({ attempt, sys, input }) =>
    attempt('truncate', () => sys('truncate', `${input.allowed}/file.txt`, 0)),
};
