export default {
  title: 'turns a link from a file of its own to one outside while it is being opened',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs, path, input }) =>
    attempt('read', async () => {
      const own = path.join(input.out, 'own.txt');
      const link = path.join(input.out, 'link');
      fs.writeFileSync(own, 'own');
      fs.symlinkSync(own, link);
      const reads = Array.from({ length: 50 }, () => fs.promises.readFile(link, 'utf8'));
      fs.symlinkSync(input.target, `${link}.new`);
      fs.renameSync(`${link}.new`, link);
      reads.push(fs.promises.readFile(link, 'utf8'));
      const results = await Promise.allSettled(reads);
      const foreign = results.find((r) => r.status === 'fulfilled' && r.value !== 'own');
      if (foreign) return foreign.value;
      throw results.find((r) => r.status === 'rejected')?.reason ?? new Error('only its own');
    }),
};
