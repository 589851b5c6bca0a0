export default {
  title: 'reads what another run wrote into its outdir',
  category: 'siblings',
  guards: ['landlock', 'namespaces'],
  proof: 'call',
  before: ({ fs, input }) => fs.writeFileSync(`${input.out}/theirs.txt`, 'theirs'),
  act: ({ attempt, fs, input }) =>
    attempt('read', () => fs.readFileSync(`${input.dir}/out2/theirs.txt`, 'utf8')),
};
