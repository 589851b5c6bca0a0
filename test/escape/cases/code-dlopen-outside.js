export default {
  title: 'loads a library from outside',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  deny: ['ERR_DLOPEN_FAILED', 'EACCES', 'ENOENT'],
  harm: ({ host, at }) => host.fs.existsSync(at('out', 'loaded')) && 'it was loaded',
  proof: 'call',
  setup: ({ host, at, native }) => {
    host.fs.copyFileSync(native('raw.node'), at('outside', 'raw.node'));
  },
  act: ({ attempt, input }) =>
    attempt('dlopen', () => {
      const module = { exports: {} };
      process.dlopen(module, `${input.outside}/raw.node`);
      return Object.keys(module.exports);
    }),
};
