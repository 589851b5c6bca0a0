export default {
  title: 'reads a directory whose name begins like that of an allowed one',
  category: 'configuration',
  guards: ['landlock', 'namespaces'],
  setup: ({ host, at, secret }) => {
    host.fs.mkdirSync(at('allowed-not'));
    host.fs.writeFileSync(at('allowed-not', 'secret.txt'), secret);
    return { file: at('allowed-not', 'secret.txt') };
  },
  config: ({ at }) => ({ permissions: { filesystem: { allow: [at('allowed')] } } }),
  act: ({ attempt, fs, input }) => attempt('read', () => fs.readFileSync(input.file, 'utf8')),
};
