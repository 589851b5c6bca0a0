export default {
  title: 'asks whether files outside exist, how large and how old they are',
  category: 'metadata',
  guards: ['namespaces'],
  openIn: ['no-userns', 'bare'],
  proof: 'call',
  act: async ({ attempt, fs, sys, input }) => {
    await attempt('statSync', () => fs.statSync(input.target).size);
    await attempt('accessSync', () => fs.accessSync(input.target));
    await attempt('statfs', () => sys('statfs', input.outside, Buffer.alloc(256)));
  },
};
