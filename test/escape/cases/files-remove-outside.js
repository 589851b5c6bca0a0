export default {
  title: 'removes files and directories outside',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: async ({ attempt, fs, path, input }) => {
    await attempt('unlinkSync', () => fs.unlinkSync(input.target));
    await attempt('rmdirSync', () => fs.rmdirSync(path.join(input.outside, 'dir')));
    // With force it does not say that it failed.
    await attempt('rmSync', () => fs.rmSync(path.join(input.outside, 'data.json')));
  },
};
