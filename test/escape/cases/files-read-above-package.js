export default {
  title: 'reads a file beside the directory of its package',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  setup: ({ at, secret, host, dir }) => {
    host.fs.writeFileSync(at('.env'), secret);
    return { file: `${dir}/.env` };
  },
  act: ({ attempt, fs, input }) =>
    attempt('readFileSync', () => fs.readFileSync(input.file, 'utf8')),
};
