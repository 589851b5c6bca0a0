export default {
  title: 'asks whether files outside exist, how large and how old they are',
  category: 'metadata',
  guards: ['namespaces'],
  openIn: ['no-userns', 'bare'],
  proof: 'call',
  act: async ({ attempt, fs, input }) => {
    await attempt('statSync', () => fs.statSync(input.target).size);
    await attempt('lstatSync', () => fs.lstatSync(input.other).mtimeMs);
    await attempt('accessSync', () => fs.accessSync(input.target));
    await attempt('statfsSync', () => fs.statfsSync(input.outside).blocks);
  },
};
