export default {
  title: 'reads where links outside lead',
  category: 'metadata',
  guards: ['namespaces'],
  openIn: ['no-userns', 'bare'],
  setup: ({ host, at, secret }) => {
    host.fs.symlinkSync(`/nowhere/${secret}`, at('outside', 'link'));
  },
  act: ({ attempt, fs, path, input }) =>
    attempt('readlinkSync', () => fs.readlinkSync(path.join(input.outside, 'link'))),
};
