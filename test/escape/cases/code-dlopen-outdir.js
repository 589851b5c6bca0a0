export default {
  title: 'writes an addon into outdir, loads it and makes system calls with it',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, coded, fs, path, result, input }) =>
    attempt('openat', () => {
      const file = path.join(input.out, 'mine.node');
      fs.writeFileSync(file, fs.readFileSync(path.join(input.package, 'raw.node')));
      const module = { exports: {} };
      try {
        process.dlopen(module, file);
      } catch (error) {
        // Nothing of outdir is mapped to be executed, where there are mounts.
        const refused = String(error).includes('failed to map segment');
        throw refused ? coded('EACCES', String(error)) : error;
      }
      const { syscall, SYS } = module.exports;
      const fd = result('openat', syscall(SYS.openat, -100, input.target, 0, 0));
      const bytes = Buffer.alloc(100);
      syscall(SYS.read, fd, bytes, 100);
      return bytes;
    }),
};
