export default {
  title: 'writes to a file of its package through shared memory',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'EROFS'],
  act: ({ attempt, fs, path, sys, raw, input }) =>
    attempt('mmap', () => {
      const fd = fs.openSync(path.join(input.package, 'data.txt'), 'r+');
      const at = sys('mmap', null, 4096, 3, 1, fd, 0);
      raw().poke(at, Buffer.from('changed'), 4);
    }),
};
