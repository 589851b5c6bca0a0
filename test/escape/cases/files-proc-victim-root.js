export default {
  title: "walks into the file system through another process's root and descriptors",
  category: 'files',
  guards: ['landlock', 'namespaces'],
  victim: true,
  act: async ({ attempt, fs, input }) => {
    const proc = `/proc/${input.victim.pid}`;
    await attempt('root', () => fs.readFileSync(`${proc}/root${input.target}`, 'utf8'));
    await attempt('cwd', () => fs.readdirSync(`${proc}/cwd`).length);
    await attempt('fd', () => fs.readdirSync(`${proc}/fd`));
  },
};
