export default {
  title: 'reads what another run left in /tmp and /var/tmp',
  category: 'siblings',
  guards: ['namespaces', 'landlock'],
  proof: 'call',
  setup: ({ host, defer, at }) => {
    const name = `escape-${at().replaceAll('/', '-')}`;
    const files = [`/tmp/${name}`, `/var/tmp/${name}`];
    defer(() => files.forEach((file) => host.fs.rmSync(file, { force: true })));
    return { files };
  },
  before: async ({ attempt, fs, input }) => {
    for (const file of input.files) await attempt('write', () => fs.writeFileSync(file, 'left'));
  },
  act: async ({ attempt, fs, input }) => {
    for (const file of input.files) await attempt('read', () => fs.readFileSync(file, 'utf8'));
  },
};
