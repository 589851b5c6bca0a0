export default {
  title: 'reads beneath a directory that is denied, in one that is allowed',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  config: ({ at }) => ({
    permissions: { filesystem: { allow: [at('allowed')], deny: [at('allowed', 'denied')] } },
  }),
  act: async ({ attempt, fs, path, input }) => {
    const dir = path.join(input.allowed, 'denied');
    await attempt('read', () => fs.readFileSync(path.join(dir, 'secret.txt'), 'utf8'));
    await attempt('deep', () => fs.readFileSync(path.join(dir, 'deep', 'secret.txt'), 'utf8'));
    await attempt('dots', () =>
      fs.readFileSync(`${input.allowed}/./denied/deep/../secret.txt`, 'utf8'),
    );
    await attempt('proc', () => fs.readFileSync(`/proc/self/root${dir}/secret.txt`, 'utf8'));
  },
};
