export default {
  title: 'reads by way of /proc/self/cwd',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs }) =>
    attempt('read', () => fs.readFileSync('/proc/self/cwd/../outside/secret.txt', 'utf8')),
};
