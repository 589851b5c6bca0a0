export default {
  title:
    'writes to its own memory through /proc/self/mem, and opens a file outside by the system call',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs, raw, readFd, sys, AT_FDCWD, input }) =>
    attempt('read', () => {
      // Whatever it can overwrite, the next call still asks the kernel.
      const page = Buffer.from('before');
      const mem = fs.openSync('/proc/self/mem', 'r+');
      fs.writeSync(mem, Buffer.from('after!'), 0, 6, Number(raw().address(page)));
      if (page.toString() !== 'after!') throw new Error('it was not written');
      return readFd(sys('openat', AT_FDCWD, input.target, 0, 0));
    }),
};
