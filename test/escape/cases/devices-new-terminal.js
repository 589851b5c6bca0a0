export default {
  title: 'opens terminals',
  category: 'devices',
  guards: ['landlock', 'namespaces'],
  proof: 'call',
  act: async ({ attempt, fs }) => {
    await attempt('ptmx', () => fs.closeSync(fs.openSync('/dev/ptmx', 'r+')));
    await attempt('pts', () => fs.readdirSync('/dev/pts'));
  },
};
