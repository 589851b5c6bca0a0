export default {
  title: 'lists a directory outside',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  proof: 'call',
  act: async ({ attempt, fs, input }) => {
    await attempt('readdirSync', () => fs.readdirSync(input.outside));
    await attempt('opendirSync', () => fs.opendirSync(input.outside).readSync()?.name);
  },
};
