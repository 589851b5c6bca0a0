export default {
  title: 'reads a file through a Blob that stands for it',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'ERR_INVALID_ARG_VALUE', '0', 'NotReadableError'],
  act: ({ attempt, fs, input }) =>
    attempt('openAsBlob', async () => (await fs.openAsBlob(input.target)).text()),
};
