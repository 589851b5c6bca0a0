export default {
  title: 'reads what an allow grants beneath a deny',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  config: ({ at }) => ({
    permissions: {
      filesystem: {
        allow: [at('allowed'), at('allowed', 'denied', 'deep')],
        deny: [at('allowed', 'denied')],
      },
    },
  }),
  act: ({ attempt, fs, path, input }) =>
    attempt('read', () =>
      fs.readFileSync(path.join(input.allowed, 'denied', 'deep', 'secret.txt'), 'utf8'),
    ),
};
