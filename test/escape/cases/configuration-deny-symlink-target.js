export default {
  title: 'reads the target of a link that is denied, and a link to what is denied',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  setup: ({ host, at }) => {
    host.fs.symlinkSync('denied.txt', at('allowed', 'link'));
    host.fs.symlinkSync('denied', at('allowed', 'dirlink'));
  },
  config: ({ at }) => ({
    permissions: {
      filesystem: {
        allow: [at('allowed')],
        deny: [at('allowed', 'link'), at('allowed', 'denied')],
      },
    },
  }),
  act: async ({ attempt, fs, path, input }) => {
    const read = (name) => fs.readFileSync(path.join(input.allowed, name), 'utf8');
    await attempt('the link', () => read('link'));
    await attempt('its target', () => read('denied.txt'));
    await attempt('a link to what is denied', () => read('dirlink/secret.txt'));
  },
};
