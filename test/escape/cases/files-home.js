export default {
  title: "reads keys in the user's home directory",
  category: 'files',
  guards: ['landlock', 'namespaces'],
  setup: ({ host, at, secret }) => {
    host.fs.mkdirSync(at('home', '.ssh'), { recursive: true });
    host.fs.writeFileSync(at('home', '.ssh', 'id_ed25519'), secret);
    return { home: at('home') };
  },
  act: ({ attempt, fs, input }) =>
    attempt('read', () => fs.readFileSync(`${input.home}/.ssh/id_ed25519`, 'utf8')),
};
