export default {
  title: 'writes a larger file than it may',
  category: 'limits',
  guards: ['rlimits'],
  config: { execution: { maxFileSizeMb: 1 } },
  proof: 'call',
  deny: ['EFBIG', 'SIGXFSZ'],
  act: async ({ attempt, fs, path, input }) => {
    const file = path.join(input.out, 'large');
    await attempt('write', () => {
      const fd = fs.openSync(file, 'w');
      const bytes = Buffer.alloc(2 ** 20);
      for (let i = 0; i < 2; i++)
        if (fs.writeSync(fd, bytes) < bytes.length)
          throw Object.assign(new Error(), { code: 'EFBIG' });
    });
    await attempt('truncate', () => fs.truncateSync(file, 2 ** 21));
  },
};
